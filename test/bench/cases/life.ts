import { DestroyDomainRequest, StartDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Benchmark, Contender, Prepared } from '../harness.ts';
import { calm, timed } from '../harness.ts';
import { Bare } from '../raw/bare.ts';
import { endRaw, startRaw } from '../raw/launch.ts';
import type { Libvirt } from '../peer/libvirt.ts';
import type { Bench } from '../reference.ts';

const domainService = '/virtmesh.domain.v1.DomainService';
const wait = { seconds: 60n, nanos: 0 };

/** Start to running. */
export function startBenchmark(bench: Bench, samples: number, peer?: Libvirt): Benchmark {
  const [args = []] = bench.rawArgs;
  const request = StartDomainRequest.encode(StartDomainRequest.fromPartial({ name: bench.agent.name('ref0'), wait })).finish();
  const ours = Object.entries(bench.lean).map(([name, client]): Contender => ({
    name,
    run: async () => {
      const ms = await client.perform([`${domainService}/StartDomain`, request]);
      await bench.agent.destroy('ref0', { force: true });
      await calm();
      return ms;
    },
  }));
  const raw: Contender = {
    name: 'raw',
    run: async () => {
      const begin = performance.now();
      const guest = await startRaw(bench.host, args, bench.rawDir);
      const ms = performance.now() - begin;
      await endRaw(guest, 'SIGKILL');
      await calm();
      return ms;
    },
  };
  return {
    name: 'start',
    title: 'StartDomain until it runs; raw is the same arguments spawned by hand until QMP answers and the guest runs',
    targets: { agent: 1.3, 'domain-svc': 1.4 },
    libvirt: '8.6 times raw',
    samples,
    warmUp: 80,
    contenders: [raw, ...ours, ...(peer ? [libvirtStart(peer)] : [])],
  };
}

/** Graceful destroy. */
export async function destroyBenchmark(bench: Bench, samples: number, peer?: Libvirt): Promise<Prepared> {
  const [args = []] = bench.rawArgs;
  const request = DestroyDomainRequest.encode(DestroyDomainRequest.fromPartial({ name: bench.agent.name('ref0'), wait })).finish();
  const ours = Object.entries(bench.lean).map(([name, client]): Contender => ({
    name,
    run: async () => {
      await bench.agent.start('ref0');
      await calm();
      return client.perform([`${domainService}/DestroyDomain`, request]);
    },
  }));
  const raw: Contender = {
    name: 'raw',
    run: async () => {
      const guest = await startRaw(bench.host, args, bench.rawDir);
      await calm();
      return timed(() => endRaw(guest, 'SIGTERM'));
    },
  };
  const service = await Bare.start(bench.system.disks, bench.rawDir, args);
  const bare: Contender = {
    name: 'bare service',
    run: async () => {
      await service.perform('Start');
      await calm();
      return service.perform('Destroy');
    },
  };
  return {
    name: 'destroy',
    title: 'DestroyDomain, graceful; raw is SIGTERM until the process is gone; the bare service commits one row before and one after it',
    targets: { agent: 1.3, 'domain-svc': 1.4 },
    libvirt: '9.6 times raw',
    samples,
    warmUp: 80,
    contenders: [raw, bare, ...ours, ...(peer ? [libvirtDestroy(peer)] : [])],
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  };
}

function libvirtStart(peer: Libvirt): Contender {
  return {
    name: 'libvirt',
    run: async () => {
      const ms = await peer.run('start', 'lv0');
      await peer.run('kill', 'lv0');
      await calm();
      return ms;
    },
  };
}

function libvirtDestroy(peer: Libvirt): Contender {
  return {
    name: 'libvirt',
    run: async () => {
      await peer.run('start', 'lv0');
      await calm();
      return peer.run('destroy', 'lv0');
    },
  };
}

/**
 * All reference domains at once: the time until the last one runs. A guest that runs takes of the processors from those that
 * still start, and the agent's run earlier one after the other, where raw's all begin to run at the end: with `paused` none
 * does, and what is left is the cost of starting.
 */
export function startManyBenchmark(bench: Bench, samples: number, { paused }: { readonly paused: boolean }): Benchmark {
  const raw: Contender = {
    name: 'raw',
    run: async () => {
      const begin = performance.now();
      const guests = await Promise.all(bench.rawArgs.map((args) => startRaw(bench.host, args, bench.rawDir, { paused })));
      const ms = performance.now() - begin;
      await Promise.all(guests.map((guest) => endRaw(guest, 'SIGKILL')));
      return ms;
    },
  };
  const agent: Contender = {
    name: 'agent',
    run: async () => {
      const ms = await timed(() => Promise.all(bench.ids.map((id) => bench.agent.start(id, { paused }))));
      await Promise.all(bench.ids.map((id) => bench.agent.destroy(id, { force: true })));
      return ms;
    },
  };
  return {
    name: `start-${bench.ids.length}${paused ? '-paused' : ''}`,
    title: `${bench.ids.length} StartDomain at once until the last one ${paused ? 'is there, paused' : 'runs'}; a ratio of 1.43 is 0.7 of the raw rate`,
    targets: { agent: 1 / 0.7 },
    libvirt: '0.07 of the raw rate',
    samples,
    contenders: [raw, agent],
  };
}

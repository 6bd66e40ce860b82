import { setTimeout as delay } from 'node:timers/promises';
import { DestroyDomainRequest, StartDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Benchmark, Contender } from '../harness.ts';
import { timed } from '../harness.ts';
import { endRaw, startRaw } from '../raw/launch.ts';
import type { Libvirt } from '../peer/libvirt.ts';
import type { Bench } from '../reference.ts';

const service = '/virtmesh.domain.v1.DomainService';
const wait = { seconds: 60n, nanos: 0 };
/** What a start or an end sets going, such as its events, is over after this: it must not count as part of what comes next. */
const calm = (): Promise<void> => delay(50);

/** Start to running. */
export function startBenchmark(bench: Bench, samples: number, peer?: Libvirt): Benchmark {
  const [args = []] = bench.rawArgs;
  const request = StartDomainRequest.encode(StartDomainRequest.fromPartial({ name: bench.agent.name('ref0'), wait })).finish();
  const ours = Object.entries(bench.lean).map(([name, client]): Contender => ({
    name,
    run: async () => {
      const ms = await client.perform([`${service}/StartDomain`, request]);
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
export function destroyBenchmark(bench: Bench, samples: number, peer?: Libvirt): Benchmark {
  const [args = []] = bench.rawArgs;
  const request = DestroyDomainRequest.encode(DestroyDomainRequest.fromPartial({ name: bench.agent.name('ref0'), wait })).finish();
  const ours = Object.entries(bench.lean).map(([name, client]): Contender => ({
    name,
    run: async () => {
      await bench.agent.start('ref0');
      await calm();
      return client.perform([`${service}/DestroyDomain`, request]);
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
  return {
    name: 'destroy',
    title: 'DestroyDomain, graceful; raw is SIGTERM until the process is gone',
    targets: { agent: 1.3, 'domain-svc': 1.4 },
    libvirt: '9.6 times raw',
    samples,
    warmUp: 80,
    contenders: [raw, ...ours, ...(peer ? [libvirtDestroy(peer)] : [])],
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

import { readFile } from 'node:fs/promises';
import { Duration } from '@virtmesh/contracts/google/protobuf/duration';
import { ListDomainStatsRequest, ResumeDomainRequest, SuspendDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { createClient, openChannel } from '@virtmesh/kit';
import { DomainServiceService } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Benchmark, Contender } from '../harness.ts';
import { timed } from '../harness.ts';
import { BytesClient } from '../raw/call.ts';
import { Echo } from '../raw/echo.ts';
import { NatsWire } from '../raw/nats-wire.ts';
import { endRaw, type RawGuest, startRaw } from '../raw/launch.ts';
import type { Libvirt } from '../peer/libvirt.ts';
import type { Bench } from '../reference.ts';

const suspendPath = '/virtmesh.domain.v1.DomainService/SuspendDomain';
/** Its request has the same fields. */
const resumePath = '/virtmesh.domain.v1.DomainService/ResumeDomain';

/** A benchmark with what must be there while it runs. */
export type Prepared = Benchmark & AsyncDisposable;

/** Suspend and resume of one guest. */
export async function suspendBenchmark(bench: Bench, samples: number, peer?: Libvirt): Promise<Prepared> {
  const guest = await startRaw(bench.host, bench.rawArgs[0] ?? [], bench.rawDir);
  await bench.agent.start('ref1');
  await peer?.run('start', 'lv0');
  const request = SuspendDomainRequest.encode(SuspendDomainRequest.fromPartial({ name: bench.agent.name('ref1') })).finish();
  const clients = { agent: new BytesClient(bench.system.agentSocket), 'domain-svc': new BytesClient(bench.system.domainSvcSocket) };
  const echo = await Echo.start(bench.system.disks, { [suspendPath]: await clients.agent.call(suspendPath, request) });
  await clients.agent.call(resumePath, request);
  const ours = Object.entries(clients).map(([name, client]) => ({
    name,
    run: () =>
      timed(async () => {
        await client.call(suspendPath, request);
        await client.call(resumePath, request);
      }),
  }));
  const raw: Contender = {
    name: 'raw',
    run: () =>
      timed(async () => {
        await guest.execute('stop');
        await guest.execute('cont');
      }),
  };
  const floor: Contender = {
    name: 'raw and grpc',
    run: () =>
      timed(async () => {
        await echo.client.call(suspendPath, request);
        await guest.execute('stop');
        await echo.client.call(suspendPath, request);
        await guest.execute('cont');
      }),
  };
  return {
    name: 'suspend-resume',
    title: 'SuspendDomain and ResumeDomain; raw is QMP stop and cont; with grpc each behind an echo of the same bytes by grpc-js',
    targets: { agent: 3 },
    libvirt: '3.6 to 4.2 times raw',
    samples,
    warmUp: 300,
    contenders: [raw, floor, ...ours, ...(peer ? [{ name: 'libvirt', run: () => peer.run('suspend-resume', 'lv0') }] : [])],
    [Symbol.asyncDispose]: async () => {
      for (const client of Object.values(clients)) client[Symbol.dispose]();
      await echo[Symbol.asyncDispose]();
      await peer?.run('kill', 'lv0');
      await endRaw(guest, 'SIGKILL');
      await bench.agent.destroy('ref1', { force: true });
    },
  };
}

/** Statistics of many guests in one call. All guests are paused, so that they do not disturb. */
export async function statsBenchmark(bench: Bench, samples: number, peer?: Libvirt): Promise<Prepared> {
  const half = Math.min(20, bench.ids.length);
  const guests: RawGuest[] = [];
  for (const args of bench.rawArgs.slice(0, half)) guests.push(await startRaw(bench.host, args, bench.rawDir, { paused: true }));
  // The raw guests hold the disks and ports of the first domains: the agent gets the others.
  const ids = bench.ids.slice(half, 2 * half);
  for (const id of ids) await bench.agent.start(id, { paused: true });
  if (peer) await startPeers(peer, ids.length);
  const request = ListDomainStatsRequest.fromPartial({
    parent: `nodes/${bench.agent.node}`,
    pageSize: 1000,
    guestTimeout: Duration.fromPartial({ seconds: 10n }),
  });
  const check = (stats: readonly { readonly error: unknown }[]): void => {
    if (stats.length !== ids.length || stats.some((each) => each.error !== undefined)) throw new Error('statistics are missing');
  };
  const raw: Contender = {
    name: 'raw',
    run: () =>
      timed(() =>
        Promise.all(
          guests.map((guest) =>
            Promise.all([
              guest.execute('query-status'),
              guest.execute('query-blockstats'),
              readFile(`/proc/${guest.child.pid}/stat`),
              readFile(`/proc/${guest.child.pid}/status`),
            ]),
          ),
        ),
      ),
  };
  return {
    name: 'list-stats',
    title: `ListDomainStats of ${ids.length} guests; raw is QMP status and block statistics and /proc of as many, in parallel`,
    targets: { agent: 1.4 },
    libvirt: '8.4 times raw',
    samples,
    contenders: [
      raw,
      { name: 'agent', run: () => timed(async () => check((await bench.agent.connection.domains.listDomainStats(request)).stats)) },
      { name: 'domain-svc', run: () => timed(async () => check((await bench.fleet.connection.domains.listDomainStats(request)).stats)) },
      ...(peer ? [{ name: 'libvirt', run: () => peer.run('stats') }] : []),
    ],
    [Symbol.asyncDispose]: async () => {
      await Promise.all(guests.map((guest) => endRaw(guest, 'SIGKILL')));
      await Promise.all(ids.map((id) => bench.agent.destroy(id, { force: true })));
    },
  };
}

async function startPeers(peer: Libvirt, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    await peer.run('start', `lv${index}`);
    await peer.run('suspend', `lv${index}`);
  }
}

/** From the cause of an event to a subscriber of NATS. */
export async function eventBenchmark(bench: Bench, samples: number): Promise<Prepared> {
  const port = bench.system.nats?.port ?? 0;
  const guest = await startRaw(bench.host, bench.rawArgs[0] ?? [], bench.rawDir);
  await bench.agent.start('ref1');
  const [subscriber, publisher, events] = await Promise.all([NatsWire.connect(port), NatsWire.connect(port), NatsWire.connect(port)]);
  await subscriber.subscribe('bench.raw');
  await events.subscribe('virtmesh.events.domain.>');
  const channel = openChannel(`unix:${bench.system.agentSocket}`);
  const client = createClient(DomainServiceService, channel);
  const name = bench.agent.name('ref1');
  const body = 'x'.repeat(1024);
  let paused = false;
  const raw: Contender = {
    name: 'raw',
    run: () =>
      timed(async () => {
        const seen = guest.event(paused ? 'RESUME' : 'STOP').then(() => publisher.publish('bench.raw', body));
        const received = subscriber.next();
        void guest.execute(paused ? 'cont' : 'stop');
        await Promise.all([seen, received]);
        paused = !paused;
      }),
  };
  const ours: Contender = {
    name: 'domain-svc',
    run: async () => {
      const received = events.next();
      const begin = performance.now();
      const suspended = client.suspendDomain(SuspendDomainRequest.fromPartial({ name }));
      await received;
      const ms = performance.now() - begin;
      await suspended;
      const resumed = events.next();
      await client.resumeDomain(ResumeDomainRequest.fromPartial({ name }));
      await resumed;
      return ms;
    },
  };
  return {
    name: 'event',
    title: 'from a SuspendDomain call to a NATS subscriber; raw is from a QMP command by its event and a NATS publish',
    targets: { 'domain-svc': 5 },
    samples,
    warmUp: 100,
    contenders: [raw, ours],
    [Symbol.asyncDispose]: async () => {
      for (const wire of [subscriber, publisher, events]) wire[Symbol.dispose]();
      channel.close();
      await endRaw(guest, 'SIGKILL');
      await bench.agent.destroy('ref1', { force: true });
    },
  };
}

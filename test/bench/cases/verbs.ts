import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Duration } from '@virtmesh/contracts/google/protobuf/duration';
import { ListDomainStatsRequest, SuspendDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Contender, Prepared } from '../harness.ts';
import { timed } from '../harness.ts';
import { LeanClient } from '../client/lean-client.ts';
import { Bare } from '../raw/bare.ts';
import { BytesClient } from '../raw/call.ts';
import { Echo } from '../raw/echo.ts';
import { NatsWire } from '../raw/nats-wire.ts';
import { endRaw, type RawGuest, startRaw } from '../raw/launch.ts';
import { attachMonitor } from '../raw/monitor.ts';
import type { Libvirt } from '../peer/libvirt.ts';
import { makeDisk } from '../../support/guest-image.ts';
import { type Bench, referenceSpec } from '../reference.ts';

const suspendPath = '/virtmesh.domain.v1.DomainService/SuspendDomain';
/** Its request has the same fields. */
const resumePath = '/virtmesh.domain.v1.DomainService/ResumeDomain';

/** Suspend and resume of one guest. */
export async function suspendBenchmark(bench: Bench, samples: number, peer?: Libvirt): Promise<Prepared> {
  const guest = await startRaw(bench.host, bench.rawArgs[0] ?? [], bench.rawDir);
  await bench.agent.start('ref1');
  await peer?.run('start', 'lv0');
  const request = SuspendDomainRequest.encode(SuspendDomainRequest.fromPartial({ name: bench.agent.name('ref1') })).finish();
  const inProcess = new BytesClient(bench.system.agentSocket);
  const echo = await Echo.start(bench.system.disks, { [suspendPath]: await inProcess.call(suspendPath, request) });
  await inProcess.call(resumePath, request);
  const echoed = await LeanClient.start(echo.socket);
  const bare = await Bare.start(bench.system.disks, bench.rawDir, bench.rawArgs[2] ?? []);
  await bare.perform('Start');
  const stopAndGoOn = async (): Promise<void> => {
    await guest.execute('stop');
    await guest.execute('cont');
  };
  const contenders: readonly Contender[] = [
    { name: 'raw', run: () => timed(stopAndGoOn) },
    {
      name: 'raw and echo',
      run: async () => (await echoed.run([suspendPath, request], [suspendPath, request])).ms + (await timed(stopAndGoOn)),
    },
    { name: 'bare service', run: () => bare.perform('Suspend', 'Resume') },
    ...Object.entries(bench.lean).map(([name, client]) => ({
      name,
      run: () => client.perform([suspendPath, request], [resumePath, request]),
    })),
    {
      name: 'agent, to grpc-js',
      run: () =>
        timed(async () => {
          await inProcess.call(suspendPath, request);
          await inProcess.call(resumePath, request);
        }),
    },
    ...(peer ? [{ name: 'libvirt', run: () => peer.run('suspend-resume', 'lv0') }] : []),
  ];
  return {
    name: 'suspend-resume',
    title:
      'SuspendDomain and ResumeDomain; raw is QMP stop and cont; with echo, also two calls that a grpc-js server answers; the bare service commits one row too',
    targets: { agent: 3 },
    libvirt: '3.6 to 4.2 times raw',
    samples,
    warmUp: 1000,
    contenders,
    [Symbol.asyncDispose]: async () => {
      inProcess[Symbol.dispose]();
      await bare[Symbol.asyncDispose]();
      await echoed[Symbol.asyncDispose]();
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

/** From a QEMU's event to a subscriber of NATS: both guests are stopped over a monitor that is not the agent's. */
export async function eventBenchmark(bench: Bench, samples: number): Promise<Prepared> {
  const port = bench.system.nats?.port ?? 0;
  const guest = await startRaw(bench.host, bench.rawArgs[0] ?? [], bench.rawDir);
  const socket = join(bench.rawDir, 'second-monitor');
  const disk = join(bench.system.disks, 'second.img');
  await makeDisk(disk, 64n * 1024n * 1024n, 'raw');
  const extra = ['-qmp', `unix:${socket},server=on,wait=off`];
  await bench.agent.run('second', DomainSpec.fromPartial({ ...referenceSpec(disk), qemu: { args: extra } }));
  const monitor = attachMonitor(await bench.host.sockets.connect(socket, AbortSignal.timeout(20_000)));
  await monitor.execute('qmp_capabilities');
  const [subscriber, publisher, events] = await Promise.all([NatsWire.connect(port), NatsWire.connect(port), NatsWire.connect(port)]);
  await subscriber.subscribe('bench.raw');
  await events.subscribe('virtmesh.events.domain.>');
  const body = 'x'.repeat(1024);
  const raw: Contender = {
    name: 'raw',
    run: async () => {
      await guest.execute('stop');
      return timed(async () => {
        const seen = guest.event('RESUME').then(() => publisher.publish('bench.raw', body));
        const received = subscriber.next();
        void guest.execute('cont');
        await Promise.all([seen, received]);
      });
    },
  };
  const ours: Contender = {
    name: 'domain-svc',
    run: async () => {
      const paused = events.next();
      await monitor.execute('stop');
      await paused;
      return timed(async () => {
        const received = events.next();
        void monitor.execute('cont');
        await received;
      });
    },
  };
  return {
    name: 'event',
    title:
      'a guest goes on, told over another monitor, until a NATS subscriber has the event; raw is its QMP event and a plain NATS publish',
    targets: { 'domain-svc': 5 },
    samples,
    warmUp: 1000,
    contenders: [raw, ours],
    [Symbol.asyncDispose]: async () => {
      for (const wire of [subscriber, publisher, events]) wire[Symbol.dispose]();
      monitor.stream.destroy();
      await endRaw(guest, 'SIGKILL');
      await bench.agent.destroy('second', { force: true });
    },
  };
}

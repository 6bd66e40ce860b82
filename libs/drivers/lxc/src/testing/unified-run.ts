import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runSteps } from '@virtmesh/base';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { HostDevice } from '@virtmesh/contracts/domain/v1/host_device';
import { withDevice, withoutDevice } from '@virtmesh/driver-spi';
import { soon, World } from './world.ts';

// What a container is, gets and does on a host whose control groups are of version 2 alone, as one line of JSON.

await using world = await World.open();
const life = await world.life();
const { cgroups } = world.host;
const guest = life.newGuest();
const group = `virtmesh-${guest.uid}`;
const file = (name: string): string => readFileSync(join('/sys/fs/cgroup', group, name), 'utf8').trim();
const limits = (): readonly string[] => ['memory.max', 'cpu.max', 'cpu.weight', 'cpuset.cpus', 'pids.max'].map(file);
const shell = async (script: string): Promise<string> => (await life.exec(guest, ['sh', '-c', script])).output.trim();

const spec = life.spec(guest, {
  cpu: { tune: { shares: 512n, quotaUs: 50_000n, affinity: '0' } },
  container: { init: { path: '/bin/sh', args: ['-c', 'while :; do sleep 0.1; done'] }, maxProcesses: 50n },
  hostDevices: [{ id: 'full', source: { $case: 'characterPath', value: '/dev/full' } }],
});
const running = await life.start(guest, spec);
const facts: Record<string, unknown> = {
  versions: ['memory', 'cpu', 'pids', 'freezer'].map((controller) => cgroups.version(controller) ?? null),
  limits: limits(),
  devices: await shell(
    'test -c /dev/full && exec 3</dev/full && echo given; mknod /tmp/kmsg c 1 11 && (exec 3</tmp/kmsg) 2>/dev/null && echo stolen',
  ),
};

const power = life.feature('suspend');
const stateOf = async (): Promise<string> =>
  `${(await life.driver.lifecycle.observe(guest, soon())).state}, ${file('cgroup.events').replace(/\s+/g, ' ')}`;
await power.suspend(guest, soon());
const suspended = await stateOf();
await power.resume(guest, soon());
facts['states'] = [suspended, await stateOf()];

const { cpu, memory, fault } = await life.feature('stats').stats(guest, spec, soon());
facts['stats'] = [
  (cpu?.timeNs ?? 0n) > 0n,
  (cpu?.userNs ?? 0n) + (cpu?.systemNs ?? 0n) > 0n,
  (memory?.residentBytes ?? 0n) > 0n,
  fault?.message ?? '',
];

const larger = DomainSpec.fromPartial({
  ...spec,
  memory: { sizeBytes: 128n << 20n },
  cpu: { ...spec.cpu, tune: { shares: 2048n, affinity: '' } },
});
await life.feature('liveUpdate').apply(guest, spec, larger, ['memory', 'cpu'], soon());
facts['larger'] = limits();

const hotplug = async (what: 'attach' | 'detach', from: DomainSpec, to: DomainSpec): Promise<void> => {
  const order = { guest, change: { what, device: 'fuse' }, from, to, guestTimeoutMs: 1000, force: false, save: () => {} };
  await runSteps(life.feature('hotplug').plan(order).steps, soon());
};
const opens = 'test -c /dev/fuse && exec 3<>/dev/fuse && echo opened';
const value = HostDevice.fromPartial({ id: 'fuse', source: { $case: 'characterPath', value: '/dev/fuse' } });
const withFuse = withDevice(larger, { $case: 'hostDevice', value });
await hotplug('attach', larger, withFuse);
const attached = await shell(opens);
await hotplug('detach', withFuse, withoutDevice(withFuse, 'fuse'));
facts['hotplug'] = [attached, await shell(opens)];

// An adopted one that is frozen is killed like any other.
await power.suspend(guest, soon());
await life.end();
const next = await world.life();
facts['adopted'] = (await next.driver.lifecycle.adopt(guest, larger, running.record, soon())).state;
await next.finish(running);
facts['events'] = next.of(guest).map(({ t }) => t);
facts['left'] = [group, `${group}-monitor`].filter((name) => existsSync(join('/sys/fs/cgroup', name)));
process.stdout.write(`FACTS ${JSON.stringify(facts)}\n`);

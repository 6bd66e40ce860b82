import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { runSteps } from '@virtmesh/base';
import { RebootMode } from '@virtmesh/contracts/domain/v1/domain_service';
import { AddressSource } from '@virtmesh/contracts/domain/v1/guest';
import { Interface } from '@virtmesh/contracts/domain/v1/interface';
import { findDevice, withDevice, withoutDevice } from '@virtmesh/driver-spi';
import { vethName } from '../config/network.ts';
import { networkGoldens } from './goldens.ts';
import { fillRootfs, soon, World } from './world.ts';
import { join } from 'node:path';

/** Run in network and mount namespaces of its own: containers on a bridge, with an interface of the node, and in the network of others; prints what became of them. */
const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
// What /sys shows of interfaces is that of the namespace in which it was mounted; the control groups below it stay.
const aside = mkdtempSync(join(tmpdir(), 'vmg-'));
for (const args of [
  ['--rbind', '/sys/fs/cgroup', aside],
  ['-t', 'sysfs', 'sysfs', '/sys'],
  ['--move', aside, '/sys/fs/cgroup'],
])
  execFileSync('mount', args);
rmdirSync(aside);
await using world = await World.open();
fillRootfs(join(world.images, 'root'));
const shared = `vml-${process.pid}`;
ip('link', 'set', 'lo', 'up');
ip('link', 'add', 'br0', 'type', 'bridge');
ip('addr', 'add', '192.0.2.1/24', 'dev', 'br0');
ip('link', 'set', 'br0', 'up');
ip('link', 'add', 'dummy0', 'type', 'veth', 'peer', 'name', 'dummy1');
const life = await world.life();
const guest = life.newGuest('net');
const places = { images: world.images, disk: '' };
const spec = life.spec(guest, networkGoldens['network']?.(places));
const running = await life.start(guest, spec);
const [front, back] = spec.interfaces.map(({ id }) => vethName(guest.uid, id));
const link = (name = ''): object => ({
  master: readlinkSync(`/sys/class/net/${name}/master`).split('/').at(-1),
  mtu: Number(readFileSync(`/sys/class/net/${name}/mtu`, 'utf8')),
  up: (Number(readFileSync(`/sys/class/net/${name}/flags`, 'utf8')) & 1) === 1,
});
const ping = async (): Promise<number> => (await life.exec(guest, ['ping', '-c', '1', '-w', '2', '192.0.2.1'])).exitCode;
const addresses = async (source: AddressSource): Promise<unknown> =>
  (await life.feature('addresses').addresses(guest, spec, source, soon())).map(({ name, interface: id, addresses: found }) => [
    name,
    id,
    found.filter((address) => !address.startsWith('fe80')),
  ]);
const during = { front: link(front), back: link(back), moved: !existsSync('/sys/class/net/dummy0'), ping: await ping() };
const inside = await addresses(AddressSource.GUEST);
const neighbours = await addresses(AddressSource.NEIGHBOURS);
const stats = await life.feature('stats').stats(guest, spec, soon());

// One comes and goes, and its link with it.
const plug = async (
  what: 'attach' | 'detach' | 'update',
  device: string,
  from: typeof spec,
  to: typeof spec,
  into = guest,
): Promise<typeof spec> => {
  const order = {
    guest: into,
    change: { what, device },
    from,
    to: life.driver.complete(to, into),
    guestTimeoutMs: 1000,
    force: false,
    save: () => {},
  };
  const plan = life.feature('hotplug').plan(order);
  await runSteps(plan.steps, soon());
  return plan.changed();
};
const device: Parameters<typeof Interface.fromPartial>[0] = {
  id: 'extra',
  backend: { $case: 'bridge', value: { bridge: 'br0' } },
  // A router that is in no network of its addresses.
  guest: { addresses: ['198.51.100.5/24'], ipv4Gateway: '203.0.113.99' },
};
const more = await plug('attach', 'extra', spec, withDevice(spec, { $case: 'interface', value: Interface.fromPartial(device) }));
const extra = vethName(guest.uid, 'extra');
const attached = {
  link: link(extra),
  inside: (await life.exec(guest, ['ip', 'addr', 'show', 'dev', 'eth1'])).output.includes('198.51.100.5/24'),
};
// As it is where the agent was killed in the midst of it: another life makes it whole.
ip('link', 'set', extra, 'nomaster');
await life.exec(guest, ['ip', 'addr', 'flush', 'dev', 'eth1']);
await plug('attach', 'extra', spec, more);
const completed = {
  link: link(extra),
  inside: (await life.exec(guest, ['ip', 'addr', 'show', 'dev', 'eth1'])).output.includes('198.51.100.5/24'),
};
const before = findDevice(more, 'extra');
const pulled = await plug(
  'update',
  'extra',
  more,
  withDevice(more, { $case: 'interface', value: { ...(before?.value as Interface), linkDown: true } }),
);
const afterPull = link(extra);
await plug('detach', 'extra', pulled, withoutDevice(pulled, 'extra'));
const detached = !existsSync(`/sys/class/net/${extra}`);
const given = spec.hostDevices[0]?.id ?? '';
await plug('detach', given, spec, withoutDevice(spec, given));
const back0 = existsSync('/sys/class/net/dummy0');
await plug('attach', given, withoutDevice(spec, given), spec);
const again = !existsSync('/sys/class/net/dummy0');
await plug('detach', given, spec, withoutDevice(spec, given));

// Another shares the network of this one.
const other = life.newGuest('other');
const sharing = life.spec(other, {
  filesystems: spec.filesystems,
  container: { ...spec.container, namespaces: { network: { source: { $case: 'domain', value: 'net' } } } },
});
const joined = await life.start(other, sharing);
const seen = (await life.exec(other, ['ip', 'addr', 'show', 'dev', 'eth0'])).output.includes('192.0.2.10/24');
await life.finish(joined);
await life.finish(running);

// One lives in a namespace that the node has made.
ip('netns', 'add', shared);
ip('-n', shared, 'link', 'add', 'ofnode', 'type', 'bridge');
const third = life.newGuest('third');
const named = life.spec(third, {
  filesystems: spec.filesystems,
  container: { ...spec.container, namespaces: { network: { source: { $case: 'named', value: shared } } } },
});
const started = await life.start(third, named);
const same = (await life.exec(third, ['ip', 'link'])).output.includes('ofnode');
await life.finish(started);
ip('netns', 'del', shared);
const refusal = await life.start(third, named).catch((thrown: unknown) => (thrown as { reason?: string }).reason);

// One reboots with a cable that is out, and with an interface that came later.
const fourth = life.newGuest('fourth');
const pair = (id: string, linkDown: boolean): Interface =>
  Interface.fromPartial({ id, linkDown, backend: { $case: 'bridge', value: { bridge: 'br0' } }, guest: { addresses: ['203.0.113.7/24'] } });
const cut = life.spec(fourth, {
  filesystems: spec.filesystems,
  container: { init: { path: '/sbin/init' } },
  interfaces: [pair('cut', true)],
});
const rebooting = await life.start(fourth, cut);
await plug('attach', 'later', cut, withDevice(cut, { $case: 'interface', value: pair('later', false) }), fourth);
await life.feature('reboot').reboot(fourth, RebootMode.SIGNAL, soon());
const settled = async (): Promise<boolean> =>
  life.of(fourth).some(({ t }) => t === 'reboot') &&
  ['cut', 'later'].every((id) => existsSync(`/sys/class/net/${vethName(fourth.uid, id)}`)) &&
  !(link(vethName(fourth.uid, 'cut')) as { up: boolean }).up &&
  (await life.exec(fourth, ['ip', 'addr', 'show', 'dev', 'eth1'])).output.includes('203.0.113.7/24');
for (let tries = 0; tries < 200 && !(await settled().catch(() => false)); tries += 1) await sleep(50);
const rebooted = await settled();
await life.finish(rebooting);
process.stdout.write(
  JSON.stringify({
    during,
    inside,
    neighbours,
    received: stats.interfaces.map(({ id, receiveBytes }) => id !== 'net0' || receiveBytes > 0n),
    attached,
    completed,
    afterPull,
    detached,
    back: back0,
    again,
    seen,
    same,
    refusal,
    rebooted,
    gone: !existsSync(`/sys/class/net/${front}`) && existsSync('/sys/class/net/dummy0'),
  }),
);

import { runSteps } from '@virtmesh/base';
import { AddressSource } from '@virtmesh/contracts/domain/v1/guest';
import { type DeviceOrder, type RuntimeRecord, withDevice, withoutDevice } from '@virtmesh/driver-spi';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { Interface } from '@virtmesh/contracts/domain/v1/interface';
import { LinuxGuest } from './linux-guest.ts';
import { soon, World } from './world.ts';

/** Run in a network namespace of its own: gives a running guest an interface on a bridge and takes it away, and prints what became of the host's network. */
await using world = await World.open();
execFileSync('ip', ['-batch', '-'], {
  input: 'link set lo up\nlink add br1 type bridge\nlink set br1 up\naddr add 10.99.1.1/24 dev br1\n',
});
const life = await LinuxGuest.life(world);
const linux = await LinuxGuest.boot(life);
const { guest, started } = linux.running;
let record: RuntimeRecord = linux.running.record;
const order = { guest, guestTimeoutMs: 10_000, force: false, save: (saved: RuntimeRecord) => void (record = saved) };
const change = async (asked: Pick<DeviceOrder, 'change' | 'from' | 'to'>) =>
  runSteps(life.feature('hotplug').plan({ ...order, ...asked }).steps, soon());
const onBridge = (bridge: string) =>
  life.driver.complete(
    withDevice(started.activeSpec, {
      $case: 'interface',
      value: Interface.fromPartial({ backend: { $case: 'bridge', value: { bridge } } }),
    }),
    guest,
  );

const from = started.activeSpec;
const to = onBridge('br1');
const id = to.interfaces[0]?.id ?? '';
const refusal = await change({ change: { what: 'attach', device: id }, from, to: onBridge('none0') }).catch((thrown: unknown) =>
  String(thrown),
);
await change({ change: { what: 'attach', device: id }, from, to });
const [tap = ''] = record['taps'] as string[];
const link = `/sys/class/net/${tap}`;
const during = {
  master: readlinkSync(`${link}/master`).split('/').at(-1),
  ownedByGuest: Number(readFileSync(`${link}/owner`, 'utf8')) === statSync(`/proc/${started.observed.pid}`).uid,
  carrier: readFileSync(`${link}/carrier`, 'utf8').trim(),
};
// Once more, as another life of the agent would: the tap that is in use stays.
await change({ change: { what: 'attach', device: id }, from, to });
const ping = await linux.runs('ifconfig eth0 10.99.1.2 netmask 255.255.255.0 up; ping -c 1 -W 5 10.99.1.1');
const neighbours = await life.feature('addresses').addresses(guest, to, AddressSource.NEIGHBOURS, soon());
await change({ change: { what: 'detach', device: id }, from: to, to: withoutDevice(to, id) });
process.stdout.write(
  JSON.stringify({
    refusal,
    during,
    pinged: ping.includes('1 packets received'),
    neighbours: neighbours.map((each) => ({ interface: each.interface, addresses: each.addresses })),
    gone: !existsSync(link),
    kept: record['taps'],
  }),
);
await life.finish({ guest, record });

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { Fault } from '@virtmesh/base';
import { type RunningGuest, soon, World } from './world.ts';

/** Run in a network namespace of its own: starts a guest on a bridge, and prints what became of the host's network. */
await using world = await World.open();
execFileSync('ip', ['-batch', '-'], { input: 'link set lo up\nlink add br0 type bridge\nlink set br0 up\n' });
const life = await world.life();
const guest = life.newGuest();
const bridged = (bridge: string) => ({ interfaces: [{ backend: { $case: 'bridge', value: { bridge } }, mtuBytes: 1400 }] }) as const;

const refusals: unknown[] = [];
for (const bridge of ['lo', 'none0']) {
  const spec = life.spec(guest, undefined, { interfaces: [...bridged(bridge).interfaces] });
  await life.start(guest, spec).catch((thrown: unknown) => refusals.push(Fault.from(thrown).reason, Fault.from(thrown).metadata['bridge']));
}

const running = await life.start(guest, life.spec(guest, undefined, { interfaces: [...bridged('br0').interfaces] }));
const [tap = ''] = running.record['taps'] as string[];
const link = `/sys/class/net/${tap}`;
const ownedByGuest = ({ started }: RunningGuest): boolean =>
  Number(readFileSync(`${link}/owner`, 'utf8')) === statSync(`/proc/${started.observed.pid}`).uid;
const during = {
  master: readlinkSync(`${link}/master`).split('/').at(-1),
  ownedByGuest: ownedByGuest(running),
  mtu: Number(readFileSync(`${link}/mtu`, 'utf8')),
  alias: readFileSync(`${link}/ifalias`, 'utf8').trim() === `virtmesh:${guest.uid}`,
  up: (Number(readFileSync(`${link}/flags`, 'utf8')) & 1) === 1,
  carrier: readFileSync(`${link}/carrier`, 'utf8').trim(),
};
execFileSync('ip', ['-batch', '-'], { input: 'addr add 10.99.0.1/24 dev br0\n' });
const stats = await life.feature('stats').stats(guest, running.started.activeSpec, soon());
await life.finish(running);
// What is left of an earlier life is made anew.
execFileSync('ip', ['tuntap', 'add', 'dev', tap, 'mode', 'tap']);
const again = await life.start(guest, running.spec);
const remade = ownedByGuest(again);
await life.finish(again);
process.stdout.write(
  JSON.stringify({
    refusals,
    during,
    interfaces: stats.interfaces.map(({ id, hostDevice }) => ({ id, hostDevice })),
    gone: !existsSync(link),
    remade,
    tap,
  }),
);

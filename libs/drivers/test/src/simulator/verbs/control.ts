import { Fault } from '@virtmesh/base';
import type { GuestAct } from '../../protocol/faults.ts';
import { checkAct, checkFault, checkLatencies, checkScale } from '../control-rules.ts';
import { end, enter, loseAgent, panic, powerOff, reboot, whenRunning } from '../guest-life.ts';
import type { Guest } from '../guest.ts';
import type { World } from '../world.ts';
import type { Handlers } from './handler.ts';
import { viewOf } from './lifecycle.ts';

type ControlVerb = 'inject' | 'clear' | 'faults' | 'act' | 'clock' | 'latency' | 'guests' | 'world';

export const controlHandlers: Handlers<`control.${ControlVerb}`> = {
  'control.inject': (fault, { world }) => {
    checkFault(fault);
    return { fault: world.faults.plant(fault) };
  },
  'control.clear': ({ fault }, { world }) => ({ cleared: world.faults.clear(fault) }),
  'control.faults': (_, { world }) => ({ faults: world.faults.list() }),
  'control.act': ({ act, uid }, { world }) => {
    checkAct(act);
    actions[act](world, world.running(uid));
    return {};
  },
  'control.clock': ({ advanceMs, scale }, { world }) => {
    checkScale(scale, advanceMs);
    if (scale !== undefined) world.clock.setScale(scale);
    if (advanceMs !== undefined) world.clock.advance(advanceMs);
    return { nowMs: world.clock.nowMs(), scale: world.clock.scale };
  },
  'control.latency': (latencies, { world }) => {
    checkLatencies(latencies);
    world.latencies.set(latencies);
    return { latencies: world.latencies.latencies };
  },
  'control.guests': ({ after, count }, { world }) => {
    const uids = [...world.guests.keys()].toSorted().filter((uid) => uid > after);
    const guests = uids.slice(0, Math.min(count, 1000)).flatMap((uid) => world.guests.get(uid) ?? []);
    return { guests: guests.map((guest) => ({ uid: guest.uid, id: guest.id, state: viewOf(guest).state })) };
  },
  'control.world': (_, { world }) => ({
    guests: world.guests.size,
    active: world.active,
    profiles: world.profiles.size,
    heapBytes: world.heapBytes(),
  }),
};

const actions: Readonly<Record<GuestAct, (world: World, guest: Guest) => void>> = {
  shutdown: (world, guest) => whenRunning(guest, () => powerOff(world, guest)),
  reboot: (world, guest) => whenRunning(guest, () => reboot(world, guest, true)),
  crash: (world, guest) => end(world, guest, 'crashed', 'the guest was made to crash'),
  panic: (world, guest) => whenRunning(guest, () => panic(world, guest)),
  watchdog: (world, guest) => {
    world.emit({ t: 'watchdog', uid: guest.uid, action: 'pause' });
    enter(world, guest, 'paused', 'watchdog');
  },
  'io-error': (world, guest) => {
    const disk = guest.profile.disks[0];
    if (disk === undefined)
      throw new Fault('STATE_INVALID', `the guest ${guest.id} has no disk that could fail`, { uid: guest.uid, allowed: 'a disk' });
    world.emit({ t: 'io-error', uid: guest.uid, disk, action: 'stop', message: 'the disk was made to fail', noSpace: true });
    enter(world, guest, 'paused', 'io-error');
  },
  'pm-suspend': (world, guest) => enter(world, guest, 'pmsuspended', 'unspecified'),
  'wake-up': (world, guest) => enter(world, guest, 'running', 'wakeup'),
  'agent-lost': (world, guest) => loseAgent(world, guest),
  'agent-back': (world, guest) => {
    if (!guest.profile.agent || guest.agentConnected) return;
    guest.agentConnected = true;
    world.emit({ t: 'guest-agent', uid: guest.uid, connected: true });
  },
  'lock-tray': (_, guest) => void (guest.more.trayLocked = true),
  'unlock-tray': (_, guest) => void (guest.more.trayLocked = false),
};

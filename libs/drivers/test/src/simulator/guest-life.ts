import { tellBoot } from './consoles.ts';
import type { Guest, GuestState } from './guest.ts';
import type { World } from './world.ts';
import type { StateReason } from '../protocol/words.ts';

type LiveState = Exclude<GuestState, 'starting' | 'gone'>;

/** Puts a guest into a state, without a word to anybody. */
export function become(world: World, guest: Guest, state: GuestState, reason: StateReason): void {
  const now = world.clock.nowMs();
  if (guest.runsSinceMs >= 0) guest.ranMs += now - guest.runsSinceMs;
  guest.runsSinceMs = state === 'running' ? now : -1;
  guest.state = state;
  guest.reason = reason;
  if (state !== 'running') return;
  for (const action of guest.extras?.deferred.splice(0) ?? []) action();
}

/** Puts a guest into a state, and tells. */
export function enter(world: World, guest: Guest, state: LiveState, reason: StateReason): void {
  world.emit({ t: 'state', uid: guest.uid, state, reason });
  become(world, guest, state, reason);
}

/** The guest begins to boot; its agent comes up when it has. */
export function boot(world: World, guest: Guest): void {
  guest.boots += 1;
  tellBoot(guest);
  loseAgent(world, guest);
  if (!guest.profile.agent) return;
  const connects = (): void =>
    whenRunning(guest, () => {
      guest.agentConnected = true;
      world.emit({ t: 'guest-agent', uid: guest.uid, connected: true });
    });
  guest.agentTimer = world.clock.after(world.latencies.ofGuest('boot'), connects);
}

/** The agent in the guest is gone until it boots again, or comes back by itself. */
export function loseAgent(world: World, guest: Guest): void {
  world.clock.cancel(guest.agentTimer);
  guest.agentTimer = undefined;
  guest.extras?.frozen.clear();
  if (!guest.agentConnected) return;
  guest.agentConnected = false;
  world.emit({ t: 'guest-agent', uid: guest.uid, connected: false });
}

/** Does something at once, or as soon as the guest runs again. */
export function whenRunning(guest: Guest, action: () => void): void {
  if (guest.state === 'running') action();
  else if (guest.isActive) guest.more.deferred.push(action);
}

/** The guest powers itself off, and what its definition says of that happens. */
export function powerOff(world: World, guest: Guest): void {
  if (guest.profile.onPoweroff === 'restart') return restart(world, guest, true);
  world.emit({ t: 'shutdown', uid: guest.uid, byGuest: true });
  if (guest.profile.onPoweroff === 'preserve') become(world, guest, 'shutdown', 'shutdown');
  else end(world, guest, 'shutdown');
}

/** The guest reboots, by itself or because the host pulls its reset line. */
export function reboot(world: World, guest: Guest, byGuest: boolean): void {
  if (guest.profile.onReboot === 'restart') return restart(world, guest, byGuest);
  world.emit({ t: 'shutdown', uid: guest.uid, byGuest });
  if (guest.profile.onReboot === 'preserve') become(world, guest, 'shutdown', 'shutdown');
  else end(world, guest, 'shutdown');
}

/** The guest's kernel panics. */
export function panic(world: World, guest: Guest): void {
  world.emit({ t: 'panicked', uid: guest.uid });
  if (guest.profile.onCrash === 'preserve') return enter(world, guest, 'crashed', 'panicked');
  if (guest.profile.onCrash !== 'restart') return end(world, guest, 'crashed', "the guest's kernel panicked");
  restart(world, guest, true);
  enter(world, guest, 'running', 'booted');
}

function restart(world: World, guest: Guest, byGuest: boolean): void {
  world.clock.cancel(guest.timer);
  if (guest.extras) guest.extras.deferred.length = 0;
  world.emit({ t: 'reboot', uid: guest.uid, byGuest });
  boot(world, guest);
}

/** Nothing of the guest runs any more. */
export function end(world: World, guest: Guest, how: 'shutdown' | 'destroyed' | 'crashed', message = ''): void {
  world.emit({ t: 'exited', uid: guest.uid, how, message });
  quiet(world, guest, endReasons[how]);
}

const endReasons = {
  shutdown: 'shutdown',
  destroyed: 'destroyed',
  crashed: 'crashed',
} as const;

/** Ends a guest without telling; its consoles' logs stay. */
export function quiet(world: World, guest: Guest, reason: StateReason): void {
  if (!guest.isActive) return;
  world.clock.cancel(guest.timer);
  world.clock.cancel(guest.agentTimer);
  guest.timer = guest.agentTimer = undefined;
  guest.agentConnected = false;
  guest.heldByJob = false;
  guest.dumper = undefined;
  become(world, guest, 'gone', reason);
  world.left(guest);
  const { extras } = guest;
  if (!extras) return;
  extras.deferred.length = 0;
  extras.frozen.clear();
  extras.diskBytes.clear();
  for (const session of extras.sessions.values()) session.kill(9);
  extras.sessions.clear();
  for (const wake of extras.listeners) wake();
}

/** How long the guest has run in all, without the time in which it was stopped. */
export const ranMs = (world: World, guest: Guest): number =>
  guest.ranMs + (guest.runsSinceMs >= 0 ? world.clock.nowMs() - guest.runsSinceMs : 0);

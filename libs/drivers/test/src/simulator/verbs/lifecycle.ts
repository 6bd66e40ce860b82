import { Fault } from '@virtmesh/base';
import type { GuestView } from '../../protocol/messages.ts';
import { readState } from '../guest-snapshot.ts';
import { Guest } from '../guest.ts';
import { become, boot, end, powerOff, quiet, whenRunning } from '../guest-life.ts';
import type { World } from '../world.ts';
import { checkMode } from './agent.ts';
import type { Handlers } from './handler.ts';

type LifecycleVerb = 'create' | 'run' | 'discard' | 'shutdown' | 'destroy' | 'observe' | 'release' | 'forget';

/** A guest's life, from its making until it is forgotten. */
export const lifecycleHandlers: Handlers<LifecycleVerb> = {
  create: ({ id, profile, state, uid }, { world }) => {
    const present = world.guests.get(uid);
    if (present?.isActive)
      throw new Fault('RESOURCE_IN_USE', `the guest ${id} runs already in the simulator; destroy it first`, { uid, state: present.state });
    const guest = new Guest(uid, id, profile);
    guest.boots = present?.boots ?? 0;
    guest.extras = present?.extras;
    if (guest.extras) Object.assign(guest.extras, { trayLocked: false, typed: '' });
    if (state !== undefined) readState(guest, state);
    world.add(guest);
    if (present) world.profiles.drop(present.profile);
    guest.profile = world.profiles.take(profile);
    return {};
  },
  run: ({ paused, uid }, { world }) => {
    const guest = world.guests.get(uid);
    if (guest?.state !== 'starting')
      throw new Fault('HYPERVISOR_FAILED', `the guest ended while it started`, { uid, state: guest?.state ?? 'gone' });
    const restored = guest.reason === 'restored';
    const reason = restored ? 'restored' : paused ? 'starting-up' : 'booted';
    become(world, guest, paused ? 'paused' : 'running', paused ? 'starting-up' : reason);
    if (!restored) boot(world, guest);
    return viewOf(guest);
  },
  discard: ({ uid }, { world }) => {
    const guest = world.guests.get(uid);
    if (guest) quiet(world, guest, 'failed');
    return {};
  },
  shutdown: ({ mode, uid }, { world }) => {
    const guest = world.running(uid);
    checkMode(guest, mode);
    world.clock.cancel(guest.timer);
    guest.timer = world.clock.after(world.latencies.ofGuest('power-off'), () => whenRunning(guest, () => powerOff(world, guest)));
    return {};
  },
  destroy: ({ uid }, { world }) => {
    const guest = world.guests.get(uid);
    if (guest?.state === 'starting') quiet(world, guest, 'destroyed');
    else if (guest?.isActive) end(world, guest, 'destroyed');
    return {};
  },
  observe: ({ uid }, { world }) => {
    const guest = world.guests.get(uid);
    return guest ? viewOf(guest) : nowhere;
  },
  release: ({ uid }, { world }) => {
    const guest = world.guests.get(uid);
    if (guest?.isActive)
      throw new Fault('STATE_INVALID', `the guest ${guest.id} still runs; destroy it before what it holds is released`, {
        uid,
        state: guest.state,
        allowed: 'shutoff',
      });
    return {};
  },
  forget: ({ uid }, { world }) => {
    const guest = world.guests.get(uid);
    if (guest && !guest.isActive) remove(world, guest);
    return {};
  },
};

function remove(world: World, guest: Guest): void {
  world.guests.delete(guest.uid);
  world.profiles.drop(guest.profile);
}

/** What is seen of a guest that nobody knows. */
const nowhere: GuestView = {
  state: 'gone',
  reason: 'unspecified',
  memoryBytes: 0,
  vcpus: 0,
  agentConnected: false,
  accelerator: '',
  begun: false,
};

/** A guest as others see it. */
export function viewOf(guest: Guest): GuestView {
  const begun = guest.state !== 'starting';
  if (!guest.isActive) return { ...nowhere, reason: guest.reason, begun };
  return {
    state: guest.state === 'starting' || guest.state === 'gone' ? 'paused' : guest.state,
    reason: guest.reason,
    memoryBytes: guest.memoryBytes,
    vcpus: guest.vcpus,
    agentConnected: guest.agentConnected,
    accelerator: guest.profile.accelerator,
    begun,
  };
}

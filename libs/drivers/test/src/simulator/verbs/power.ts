import { Fault } from '@virtmesh/base';
import type { Guest } from '../guest.ts';
import { enter, reboot } from '../guest-life.ts';
import { checkMode } from './agent.ts';
import type { Handlers } from './handler.ts';

export const powerHandlers: Handlers<'suspend' | 'resume' | 'reboot'> = {
  suspend: ({ uid }, { world }) => {
    const guest = world.running(uid);
    if (guest.state === 'running' || guest.state === 'pmsuspended') enter(world, guest, 'paused', 'user');
    else if (guest.state !== 'paused') throw stateInvalid(guest, 'running');
    return {};
  },
  resume: ({ uid }, { world }) => {
    const guest = world.running(uid);
    if (guest.state === 'running') return {};
    if (guest.state === 'shutdown') throw stateInvalid(guest, 'paused');
    guest.heldByJob = false;
    enter(world, guest, 'running', 'unpaused');
    return {};
  },
  reboot: ({ mode, uid }, { world }) => {
    const guest = world.running(uid);
    checkMode(guest, mode);
    reboot(world, guest, mode === 'agent');
    return {};
  },
};

const stateInvalid = (guest: Guest, allowed: string): Fault =>
  new Fault('STATE_INVALID', `the guest ${guest.id} is ${guest.state}; this needs it to be ${allowed}`, {
    uid: guest.uid,
    state: guest.state,
    allowed,
  });

import { Fault } from '@virtmesh/base';
import { writeState } from '../guest-snapshot.ts';
import type { Guest } from '../guest.ts';
import { enter } from '../guest-life.ts';
import type { World } from '../world.ts';
import type { Handlers } from './handler.ts';

export const savedStateHandlers: Handlers<'save' | 'abandon' | 'dump' | 'dump-end'> = {
  save: ({ uid }, { world }) => {
    const guest = world.running(uid);
    checkAlive(guest);
    holdForJob(world, guest);
    return { state: writeState(world, guest), memoryBytes: guest.memoryBytes };
  },
  abandon: ({ uid }, { world }) => {
    const guest = world.guests.get(uid);
    if (guest?.isActive) letGo(world, guest);
    return {};
  },
  dump: ({ live, uid }, { connection, world }) => {
    const guest = world.running(uid);
    if (!live) holdForJob(world, guest);
    guest.dumper = connection;
    return { state: writeState(world, guest), memoryBytes: guest.memoryBytes };
  },
  'dump-end': ({ uid }, { world }) => {
    const guest = world.guests.get(uid);
    if (guest?.isActive) letGo(world, guest);
    return {};
  },
};

/** Lets go on what was dumped over a connection that has ended. */
export function endDumpsOf(world: World, connection: object): void {
  for (const guest of world.guests.values()) if (guest.dumper === connection) letGo(world, guest);
}

/** Stops a guest that runs for the time of a job. */
function holdForJob(world: World, guest: Guest): void {
  if (guest.state !== 'running') return;
  guest.heldByJob = true;
  enter(world, guest, 'paused', 'job');
}

function letGo(world: World, guest: Guest): void {
  guest.dumper = undefined;
  if (!guest.heldByJob) return;
  guest.heldByJob = false;
  if (guest.state === 'paused') enter(world, guest, 'running', 'unpaused');
}

function checkAlive(guest: Guest): void {
  if (guest.state === 'running' || guest.state === 'paused') return;
  throw new Fault('STATE_INVALID', `the guest ${guest.id} is ${guest.state}; to be saved it must run or be paused`, {
    uid: guest.uid,
    state: guest.state,
    allowed: 'running, paused',
  });
}

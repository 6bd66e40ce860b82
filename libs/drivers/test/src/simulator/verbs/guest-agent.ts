import { ranMs } from '../guest-life.ts';
import { checkAgent } from './agent.ts';
import type { Handlers } from './handler.ts';

/** The file systems of a guest: its root, and one more for each disk beyond the first. */
export const mountPointsOf = (disks: readonly string[]): readonly string[] => ['/', ...disks.slice(1).map((id) => `/mnt/${id}`)];

export const guestAgentHandlers: Handlers<'ask-agent' | 'freeze' | 'thaw'> = {
  'ask-agent': ({ uid }, { world }) => {
    const guest = world.running(uid);
    checkAgent(guest);
    return { upMs: Math.floor(ranMs(world, guest)) };
  },
  freeze: ({ mountPoints, uid }, { world }) => {
    const guest = world.running(uid);
    checkAgent(guest);
    const wanted = chosen(mountPoints, mountPointsOf(guest.profile.disks));
    for (const each of wanted) guest.more.frozen.add(each);
    return { count: wanted.length };
  },
  thaw: ({ mountPoints, uid }, { world }) => {
    const guest = world.running(uid);
    checkAgent(guest);
    const { frozen } = guest.more;
    const wanted = chosen(mountPoints, [...frozen]).filter((each) => frozen.has(each));
    for (const each of wanted) frozen.delete(each);
    return { count: wanted.length };
  },
};

const chosen = (wanted: readonly string[], all: readonly string[]): readonly string[] =>
  wanted.length === 0 ? all : all.filter((each) => wanted.includes(each));

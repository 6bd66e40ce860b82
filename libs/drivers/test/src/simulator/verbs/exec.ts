import { Fault } from '@virtmesh/base';
import { ExecSession } from '../exec-session.ts';
import type { World } from '../world.ts';
import { checkAgent } from './agent.ts';
import type { Handlers } from './handler.ts';

type ExecVerb = 'open' | 'read' | 'write' | 'resize' | 'end-input' | 'kill' | 'close';
const maxSessions = 64;

export const execHandlers: Handlers<`exec-${ExecVerb}`> = {
  'exec-open': ({ uid, ...request }, { connection, world }) => {
    const guest = world.running(uid);
    checkAgent(guest);
    const { sessions } = guest.more;
    if (sessions.size >= maxSessions)
      throw new Fault('LIMIT_EXCEEDED', `${sessions.size} commands run in ${guest.id}; end one, or wait`, { limit: String(maxSessions) });
    const session = new ExecSession(request, world.clock, connection);
    const number = Math.max(100, ...sessions.keys()) + 1;
    sessions.set(number, session);
    return { session: number, pid: number };
  },
  'exec-read': ({ session, uid }, { signal, world }) => find(world, uid, session).read(signal),
  'exec-write': async ({ bytes, session, uid }, { signal, world }) => {
    await find(world, uid, session).write(Buffer.from(bytes, 'base64'), signal);
    return {};
  },
  'exec-resize': ({ session, terminal, uid }, { world }) => {
    find(world, uid, session).resize(terminal);
    return {};
  },
  'exec-end-input': ({ session, uid }, { world }) => {
    find(world, uid, session).endInput();
    return {};
  },
  'exec-kill': ({ session, signal: number, uid }, { world }) => {
    find(world, uid, session).kill(number);
    return {};
  },
  'exec-close': ({ session, uid }, { world }) => {
    const sessions = world.guests.get(uid)?.extras?.sessions;
    sessions?.get(session)?.kill(9);
    sessions?.delete(session);
    return {};
  },
};

/** Ends the commands that were begun over a connection. */
export function endSessionsOf(world: World, connection: object): void {
  for (const { extras } of world.guests.values()) {
    for (const [number, session] of extras?.sessions ?? []) {
      if (session.connection !== connection) continue;
      session.kill(1);
      extras?.sessions.delete(number);
    }
  }
}

function find(world: World, uid: string, session: number): ExecSession {
  const found = world.guests.get(uid)?.extras?.sessions.get(session);
  if (found) return found;
  throw new Fault('STATE_INVALID', 'the command is gone: its guest has ended', { uid, state: 'shutoff', allowed: 'running' });
}

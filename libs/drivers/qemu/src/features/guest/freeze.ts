import { Fault } from '@virtmesh/base';
import type { Freeze } from '@virtmesh/driver-spi';
import type { DriverContext } from '../../context.ts';
import { agentTimeoutMs, talk } from '../../guest-agent/talk.ts';
import type { LiveGuest } from '../../lifecycle/live-guest.ts';
import { int32Told } from './reading.ts';

export const freezeFeature = (context: DriverContext): Freeze => ({
  freeze: (ref, mountPoints, signal) => freeze(context, context.guests.running(ref), mountPoints, signal),
  thaw: async (ref, mountPoints, signal) => {
    if (mountPoints.length > 0)
      throw new Fault('FEATURE_UNSUPPORTED', `the agent in ${ref.id} thaws all file systems at once; leave the mount points out`, {
        driver: 'qemu',
        feature: 'freeze',
        why: 'the guest agent of QEMU thaws all file systems at once',
      });
    return thaw(context, context.guests.running(ref), signal);
  },
});

/** Takes as long as the guest needs to write what it holds back: the caller says how long that may be. */
async function freeze(context: DriverContext, guest: LiveGuest, mountPoints: readonly string[], signal: AbortSignal): Promise<number> {
  let asked = false;
  try {
    return await talk(context, guest, signal, async (ask) => {
      // Refused before anything is done: what somebody else froze must not be thawed behind their back.
      if ((await ask('guest-fsfreeze-status')) === 'frozen') throw frozenAlready(guest);
      asked = true;
      return int32Told(
        mountPoints.length === 0
          ? await ask('guest-fsfreeze-freeze')
          : await ask('guest-fsfreeze-freeze-list', { mountpoints: [...mountPoints] }),
      );
    });
  } catch (thrown) {
    // What was frozen before it failed, or is frozen after it was given up. A guest that is not asked any more cannot be helped.
    if (asked) await thaw(context, guest, AbortSignal.timeout(agentTimeoutMs)).catch(() => {});
    throw thrown;
  }
}

const thaw = async (context: DriverContext, guest: LiveGuest, signal: AbortSignal): Promise<number> =>
  int32Told(await talk(context, guest, signal, (ask) => ask('guest-fsfreeze-thaw')));

const frozenAlready = ({ ref: { id, uid } }: LiveGuest): Fault =>
  new Fault('STATE_INVALID', `the file systems of ${id} are frozen already, and stay so until they are thawed`, {
    uid,
    state: 'frozen',
    allowed: 'thawed',
  });

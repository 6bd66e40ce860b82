import { Fault } from '@virtmesh/base';
import { qemuIds } from '../../launch.ts';
import type { LiveGuest } from '../../lifecycle/live-guest.ts';
import { presentDevices } from './places.ts';

/** Has a guest let go of a device, and resolves when it has. DEVICE_BUSY where it does not in time: it may do so later. One that is not there is success. */
export async function unplug(guest: LiveGuest, id: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const name = qemuIds.device(id);
  if (!(await presentDevices(guest, signal)).has(name)) return;
  const patience = AbortSignal.timeout(timeoutMs);
  const answer = guest.next(
    (event) => {
      if (event.name === 'DEVICE_DELETED' && event.data.device === name) return 'gone';
      return event.name === 'DEVICE_UNPLUG_GUEST_ERROR' && event.data.device === name ? 'refused' : undefined;
    },
    AbortSignal.any([patience, signal]),
  );
  await guest.execute('device_del', { id: name }, signal).catch((thrown: unknown) => {
    if (!isAskedAlready(thrown)) throw thrown;
  });
  try {
    if ((await answer) === 'refused') throw busy(guest, id, 'the guest refused to let go of it');
  } catch (thrown) {
    throw patience.aborted && !signal.aborted && !guest.isGone
      ? busy(
          guest,
          id,
          `the guest has not let go of it within ${timeoutMs} ms; it may do so later, when it runs and has an operating system that can`,
        )
      : thrown;
  }
}

/** A guest that was asked before and has not answered yet cannot be asked again. */
const isAskedAlready = (thrown: unknown): boolean =>
  Fault.is(thrown, 'HYPERVISOR_FAILED') && /already in the process of unplug/.test(thrown.metadata['desc'] ?? '');

const busy = (guest: LiveGuest, id: string, why: string): Fault =>
  new Fault('DEVICE_BUSY', `${id} of ${guest.ref.id} is still there: ${why}`, { device: id, uid: guest.ref.uid, why });

import { Fault, settledWithin } from '@virtmesh/base';
import { goneGuest, type GuestRef, type Observed } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { unresponsiveCondition } from './tracked.ts';

const endAfterMonitorMs = 500;

/** How a guest is now: asked of its monitor, whose events may be under way. One whose monitor does not answer is unknown. */
export async function observeGuest({ guests }: DriverContext, ref: GuestRef, signal: AbortSignal): Promise<Observed> {
  const entry = guests.get(ref.uid);
  if (entry?.t !== 'live' || entry.guest.isGone) return goneGuest();
  const { guest } = entry;
  try {
    await guest.refresh(signal);
  } catch (thrown) {
    // Where the connection ended, the process is most likely about to.
    if (guest.isGone || (Fault.is(thrown, 'HYPERVISOR_FAILED') && (await settledWithin(guest.gone, endAfterMonitorMs)))) return goneGuest();
    if (!Fault.is(thrown, 'HYPERVISOR_UNRESPONSIVE', 'HYPERVISOR_FAILED')) throw thrown;
    return { ...guest.observed(), ...unresponsiveCondition };
  }
  return guest.observed();
}

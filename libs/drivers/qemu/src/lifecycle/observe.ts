import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { Fault, settledWithin } from '@virtmesh/base';
import type { GuestRef, Observed } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { unresponsiveCondition } from './tracked.ts';

/** A guest of which nothing runs. */
export const gone: Observed = {
  state: 'gone',
  reason: DomainStateReason.UNSPECIFIED,
  pid: 0,
  memoryBytes: 0n,
  vcpus: 0,
  guestAgentConnected: false,
  graphicsAddresses: {},
  accelerator: '',
};

const endAfterMonitorMs = 500;

/** How a guest is now: asked of its monitor, whose events may be under way. One whose monitor does not answer is unknown. */
export async function observeGuest({ guests }: DriverContext, ref: GuestRef, signal: AbortSignal): Promise<Observed> {
  const entry = guests.get(ref.uid);
  if (entry?.t !== 'live' || entry.guest.isGone) return gone;
  const { guest } = entry;
  try {
    await guest.refresh(signal);
  } catch (thrown) {
    // Where the connection ended, the process is most likely about to.
    if (guest.isGone || (Fault.is(thrown, 'HYPERVISOR_FAILED') && (await settledWithin(guest.gone, endAfterMonitorMs)))) return gone;
    if (!Fault.is(thrown, 'HYPERVISOR_UNRESPONSIVE', 'HYPERVISOR_FAILED')) throw thrown;
    return { ...guest.observed(), ...unresponsiveCondition };
  }
  return guest.observed();
}

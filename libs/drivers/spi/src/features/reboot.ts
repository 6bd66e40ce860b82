import type { RebootMode } from '@virtmesh/contracts/domain/v1/domain_service';
import type { GuestRef } from '../guest.ts';

/** Reboots a guest without ending its hypervisor process. Resolves when the guest was asked, or the reset is done. */
export interface Reboot {
  /** How guests can be rebooted, beside UNSPECIFIED: the best that a guest has now. They are rebooted in no other way. */
  readonly modes: readonly RebootMode[];
  reboot(guest: GuestRef, mode: RebootMode, signal: AbortSignal): Promise<void>;
}

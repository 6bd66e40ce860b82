import type { RebootMode } from '@virtmesh/contracts/domain/v1/domain_service';
import type { GuestRef } from '../guest.ts';

/** Reboots a guest without ending its hypervisor process. Resolves when the guest was asked, or the reset is done. */
export interface Reboot {
  reboot(guest: GuestRef, mode: RebootMode, signal: AbortSignal): Promise<void>;
}

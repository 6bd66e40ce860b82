import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { GuestRef } from '../guest.ts';

/** Makes disks of running guests larger. */
export interface ResizeDisk {
  /** Resolves when the disk has the size and the guest was told. REQUEST_INVALID for a size below the present one. */
  resizeDisk(guest: GuestRef, active: DomainSpec, disk: string, sizeBytes: bigint, signal: AbortSignal): Promise<void>;
}

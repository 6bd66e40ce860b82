import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { AddressSource, DomainGuestInfo, GuestAddresses } from '@virtmesh/contracts/domain/v1/guest';
import type { GuestRef } from '../guest.ts';

/** A guest's network addresses. */
export interface Addresses {
  addresses(guest: GuestRef, active: DomainSpec, source: AddressSource, signal: AbortSignal): Promise<readonly GuestAddresses[]>;
}

/** What a guest says of itself. What it does not say is left empty; throws only where it cannot be asked at all. */
export interface GuestInfo {
  guestInfo(guest: GuestRef, active: DomainSpec, signal: AbortSignal): Promise<DomainGuestInfo>;
}

/** Makes a guest's file systems still, and lets them go on. Both answer how many it was done to. */
export interface Freeze {
  /** Empty `mountPoints` for all. One that fails half way thaws what it froze. */
  freeze(guest: GuestRef, mountPoints: readonly string[], signal: AbortSignal): Promise<number>;
  thaw(guest: GuestRef, mountPoints: readonly string[], signal: AbortSignal): Promise<number>;
}

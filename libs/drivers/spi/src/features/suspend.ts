import type { GuestRef } from '../guest.ts';

/** Stops and continues a guest's vCPUs. Both succeed on a guest that is there already. */
export interface Suspend {
  suspend(guest: GuestRef, signal: AbortSignal): Promise<void>;
  resume(guest: GuestRef, signal: AbortSignal): Promise<void>;
}

import type { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { ObservedState } from './guest.ts';

/**
 * Something that a driver saw happen to a guest. Facts only; the agent decides what they mean. In order for each guest.
 *
 * What a call brings about is told before the call resolves, and when `destroy` or the undo of a start has resolved, nothing
 * more is told of that life of the guest: what comes later is taken for its next one. What the definition says of power-off,
 * reboot and crash is the driver's to do; the agent starts no guest anew, and `exited` is the end.
 */
export type DriverEvent =
  /** It is in this state now. Sent also for changes that a call of ours made. */
  | { readonly t: 'state'; readonly uid: string; readonly state: Exclude<ObservedState, 'gone'>; readonly reason: DomainStateReason }
  /** The guest has shut down; the end of its process follows as `exited`. */
  | { readonly t: 'shutdown'; readonly uid: string; readonly byGuest: boolean }
  /** Nothing of it runs any more. `release` has not been called yet. `message` is the hypervisor's last words. */
  | { readonly t: 'exited'; readonly uid: string; readonly how: 'shutdown' | 'destroyed' | 'crashed'; readonly message: string }
  | { readonly t: 'reboot'; readonly uid: string; readonly byGuest: boolean }
  | { readonly t: 'panicked'; readonly uid: string }
  | { readonly t: 'balloon'; readonly uid: string; readonly memoryBytes: bigint }
  | { readonly t: 'watchdog'; readonly uid: string; readonly action: string }
  | {
      readonly t: 'io-error';
      readonly uid: string;
      readonly disk: string;
      readonly action: string;
      readonly message: string;
      readonly noSpace: boolean;
    }
  | { readonly t: 'guest-agent'; readonly uid: string; readonly connected: boolean }
  /** The guest has let go of a device after the call that asked for it had given up; its definition has it no more. */
  | { readonly t: 'device-removed'; readonly uid: string; readonly device: string };

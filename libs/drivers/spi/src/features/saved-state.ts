import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { GuestRef } from '../guest.ts';

/** Takes bytes in order; resolves when there is room for more. */
export type Sink = (bytes: Uint8Array) => Promise<void>;

/** How far something has come. The total is an estimate that may change. */
export type Progress = (done: bigint, total: bigint) => void;

/**
 * Writes out a guest's whole state, from which a start can go on (`StartOrder.restore`). The agent keeps the bytes and
 * never looks inside.
 */
export interface SavedState {
  /**
   * Stops the guest and writes its state; resolves when all was taken by the sink. The guest stays stopped, for the agent to
   * destroy once the bytes are safe. Fails or is aborted: the guest is as before, running if it ran.
   */
  save(guest: GuestRef, active: DomainSpec, sink: Sink, progress: Progress, signal: AbortSignal): Promise<void>;
  /**
   * Lets a guest run again that a save stopped: its bytes could not be kept, or an earlier life of the agent left it so. Asked
   * only for one that ran before. Repeatable.
   */
  abandon(guest: GuestRef, signal: AbortSignal): Promise<void>;
}

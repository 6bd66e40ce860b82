import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';

/** Which guest is meant. */
export interface GuestRef {
  /** The domain's uid; what the driver keys everything by. */
  readonly uid: string;
  /** The last segment of the domain's name, for process names and messages only: it can change. */
  readonly id: string;
}

/** What JSON has. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/**
 * What a driver needs to find, release or adopt a guest after a crash of the agent. The agent keeps it and never looks
 * inside; a driver reads records that its older versions wrote.
 */
export type RuntimeRecord = { readonly [key: string]: Json };

/** What a driver sees of a guest. `gone` is a guest of which nothing runs. */
export type ObservedState = 'running' | 'paused' | 'shutdown' | 'crashed' | 'pmsuspended' | 'unknown' | 'gone';

/** A guest as a driver sees it now. */
export interface Observed {
  readonly state: ObservedState;
  readonly reason: DomainStateReason;
  /** The process on the node that runs the guest: its hypervisor, or a container's monitor, not its init; 0 where there is none. */
  readonly pid: number;
  /** What the guest has after ballooning. */
  readonly memoryBytes: bigint;
  readonly vcpus: number;
  /** Left out by drivers whose guests have none. */
  readonly guestAgentConnected?: boolean;
  /** `host:port` by the id of the graphics device. Left out by drivers whose guests have none. */
  readonly graphicsAddresses?: Readonly<Record<string, string>>;
  /** What runs the guest's instructions, such as `kvm` or `tcg`. Left out where the node's own CPU just does. */
  readonly accelerator?: string;
}

/** A guest of which nothing runs; the reason is why it ended, where that is known. */
export const goneGuest = (reason: DomainStateReason = DomainStateReason.UNSPECIFIED): Observed => ({
  state: 'gone',
  reason,
  pid: 0,
  memoryBytes: 0n,
  vcpus: 0,
});

/** What a start is to bring about. */
export interface StartOrder {
  readonly guest: GuestRef;
  /** Completed and validated. */
  readonly spec: DomainSpec;
  /** Leave the guest's vCPUs stopped. */
  readonly paused: boolean;
  /**
   * Go on from a saved state: the driver's bytes begin at `offset` of the file, which the agent has opened to nobody else.
   * `spec` is then the definition that ran when it was saved, and the guest must find all that it saw; what the node alone
   * sees, such as a port, may be chosen anew. Bytes that cannot be taken up fail a step with SAVED_STATE_INVALID.
   */
  readonly restore?: { readonly path: string; readonly offset: number };
  /**
   * Keeps the record in place of the one before; when it returns, a kill of the agent no longer loses it. Called before
   * anything that the record is needed to take back. `chosen` is the definition with what has been chosen so far: a life of
   * the agent that adopts the guest before its start was recorded knows it by that alone.
   */
  save(record: RuntimeRecord, chosen: DomainSpec): void;
}

/**
 * A start as named steps, which are run once: what a life of the agent left half made is ended at its adoption and released
 * before the start is planned anew. `started` is valid when all steps have run.
 */
export interface StartPlan<S> {
  readonly steps: readonly S[];
  started(): Started;
}

/** What a start has brought about. */
export interface Started {
  readonly observed: Observed;
  /** The definition that runs, with all that was chosen at the start (ports, context ids, ...). */
  readonly activeSpec: DomainSpec;
}

import type { Fault } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { BlockStats, CpuStats, InterfaceStats, MemoryStats } from '@virtmesh/contracts/domain/v1/stats';
import type { GuestRef } from '../guest.ts';

/** What a guest has used. A part that cannot be read by the signal's end is missing, and `fault` says why; never throws for that. */
export interface GuestStats {
  readonly cpu?: CpuStats;
  readonly memory?: MemoryStats;
  readonly blocks: readonly BlockStats[];
  readonly interfaces: readonly InterfaceStats[];
  readonly fault?: Fault;
}

/** Reads what guests have used. */
export interface Stats {
  stats(guest: GuestRef, active: DomainSpec, signal: AbortSignal): Promise<GuestStats>;
}

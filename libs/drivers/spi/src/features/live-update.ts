import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { GuestRef } from '../guest.ts';
import type { Verdict } from './verdict.ts';

/** Changes a running guest. */
export interface LiveUpdate {
  /** For one changed path of DomainSpec, such as `memory.current_bytes`. Pure. */
  verdict(path: string, from: DomainSpec, to: DomainSpec): Verdict;
  /** Brings paths with a good verdict into force. All or none. */
  apply(guest: GuestRef, from: DomainSpec, to: DomainSpec, paths: readonly string[], signal: AbortSignal): Promise<void>;
}

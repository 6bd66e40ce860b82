import type { Violation } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Accelerators, BinaryProfile } from '../../probe/profile.ts';

/** What a definition is held against. */
export interface SpecContext {
  readonly binary: BinaryProfile;
  readonly accelerators: Accelerators;
  /** The directories below which files of guests may be, without a `/` at the end. */
  readonly pathRoots: readonly string[];
}

/** The rules of one part of a completed definition. */
export type Rule = (spec: DomainSpec, context: SpecContext) => Iterable<Violation>;

export const violation = (field: string, description: string): Violation => ({ field, description });

/** The last segment of an enum's name in the contract, for messages: `VIRTIO` from a table of them. */
export function nameIn(values: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(values).find((name) => values[name] === value) ?? String(value);
}

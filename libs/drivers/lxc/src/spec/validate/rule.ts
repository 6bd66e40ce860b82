import type { Violation } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { AllowedDevices } from '../../options.ts';
import type { HostProfile } from '../../probe/profile.ts';

/** What a definition is held against. */
export interface SpecContext {
  readonly profile: Pick<HostProfile, 'arch' | 'cpus' | 'logKeeper' | 'cgroupVersion'>;
  /** The directories below which files of guests may be, without a `/` at the end. */
  readonly pathRoots: readonly string[];
  readonly hostDevices: AllowedDevices;
}

/** The rules of one part of a completed definition. */
export type Rule = (spec: DomainSpec, context: SpecContext) => Iterable<Violation>;

export const violation = (field: string, description: string): Violation => ({ field, description });

export const control = /\p{Cc}/u;
/** The kernel's own rule is wider; what is not in this one is nobody's name but an attack's. */
export const interfaceNameForm = /^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/;
export const interfaceNameRule = '1 to 15 characters of A-Z a-z 0-9 . _ -, beginning with a letter or digit';

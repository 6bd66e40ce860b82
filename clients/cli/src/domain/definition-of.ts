import { Fault } from '@virtmesh/base';
import type { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { ChangeScope } from '@virtmesh/contracts/domain/v1/change_scope';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { shortName } from '../domain-reference.ts';
import type { Invocation } from '../invocation.ts';
import { scopeOf } from './change-scope.ts';

/** What runs, or with `inactive` what the next start uses; a domain that does not run has only the latter. */
export function definitionOf(domain: Domain, inactive: boolean): DomainSpec {
  const spec = inactive ? domain.spec : (domain.activeSpec ?? domain.spec);
  if (spec) return spec;
  throw new Fault(
    'STATE_INVALID',
    `domain ${shortName(domain.name)} is transient and has no definition for a next start; leave out --inactive or --config for the one that runs`,
    { domain: domain.name },
  );
}

/** The definition that a change by `--live` and `--config` begins with. */
export const changedDefinition = (invocation: Invocation, domain: Domain): DomainSpec =>
  definitionOf(domain, scopeOf(invocation) === ChangeScope.CONFIG);

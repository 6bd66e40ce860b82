import { DomainView, GetDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Invocation } from '../invocation.ts';
import { changedDefinition } from './definition-of.ts';

/**
 * The devices of a domain that a change can be about: those of the definition that `--live` and `--config` ask for, and
 * without either also those that wait for the next start.
 */
export async function readChanged(invocation: Invocation, name: string): Promise<DomainSpec> {
  const connection = await invocation.connect();
  const domain = await connection.domains.getDomain(GetDomainRequest.fromPartial({ name, view: DomainView.FULL }), invocation.callOptions);
  const first = changedDefinition(invocation, domain);
  if (invocation.flag('live') || invocation.flag('config') || domain.spec === undefined) return first;
  return DomainSpec.fromPartial({
    disks: [...first.disks, ...domain.spec.disks],
    interfaces: [...first.interfaces, ...domain.spec.interfaces],
  });
}

import { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { DomainView } from '@virtmesh/contracts/domain/v1/domain_service';
import { getDomain } from '../../domain/lookup.ts';
import { shortName } from '../../domain-reference.ts';
import type { Invocation } from '../../invocation.ts';
import { oneLine } from '../../output/sanitise.ts';

export async function run(invocation: Invocation): Promise<void> {
  const domain = await getDomain(invocation, DomainView.BASIC);
  await invocation.show({
    text: () => `${oneLine(shortName(domain.name))}\n`,
    json: () => Domain.toJSON(domain),
    names: () => [domain.name],
  });
}

import { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { RenameDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { domainIdRule, isDomainId } from '@virtmesh/base';
import { aboutDomain } from '../../domain/lookup.ts';
import { shortName } from '../../domain-reference.ts';
import type { Invocation } from '../../invocation.ts';
import { UsageError } from '../../usage-error.ts';

export async function run(invocation: Invocation): Promise<void> {
  const [argument = '', domainId = ''] = invocation.args;
  if (!isDomainId(domainId))
    throw new UsageError(`${JSON.stringify(domainId.slice(0, 100))} is no name of a domain: it must be ${domainIdRule}`);
  const domain = await aboutDomain(invocation, argument, (connection, name) =>
    connection.domains.renameDomain(RenameDomainRequest.fromPartial({ name, domainId }), invocation.callOptions),
  );
  await invocation.show({
    text: () => (invocation.globals.quiet ? '' : `domain ${argument} is ${shortName(domain.name)} now\n`),
    json: () => Domain.toJSON(domain),
    names: () => [domain.name],
  });
}

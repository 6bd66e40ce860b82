import { randomUUID } from 'node:crypto';
import { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { SetDomainAutostartRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { aboutDomain } from '../../domain/lookup.ts';
import { shortName } from '../../domain-reference.ts';
import type { Invocation } from '../../invocation.ts';

export async function run(invocation: Invocation): Promise<void> {
  const autostart = !invocation.flag('disable');
  const domains: Domain[] = [];
  for (const argument of invocation.args) {
    domains.push(
      await aboutDomain(invocation, argument, (connection, name) =>
        connection.domains.setDomainAutostart(
          SetDomainAutostartRequest.fromPartial({ name, autostart, requestId: randomUUID() }),
          invocation.callOptions,
        ),
      ),
    );
  }
  const words = autostart ? 'starts with its node' : 'does not start with its node';
  await invocation.show({
    text: () => (invocation.globals.quiet ? '' : domains.map((domain) => `domain ${shortName(domain.name)} ${words}\n`).join('')),
    json: () =>
      domains.length === 1 && domains[0] ? Domain.toJSON(domains[0]) : { domains: domains.map((domain) => Domain.toJSON(domain)) },
    names: () => domains.map((domain) => domain.name),
  });
}

import type { Connection } from '@virtmesh/client';
import { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { shortName } from '../domain-reference.ts';
import type { Invocation } from '../invocation.ts';
import { aboutDomain } from './lookup.ts';

/** Makes a call that is answered at once for each domain of the verb, and prints them; `words` say what they have become. */
export async function changeEach(
  invocation: Invocation,
  words: string,
  call: (connection: Connection, name: string) => Promise<Domain>,
): Promise<void> {
  const domains: Domain[] = [];
  for (const argument of invocation.args) domains.push(await aboutDomain(invocation, argument, call));
  await invocation.show({
    text: () => (invocation.globals.quiet ? '' : domains.map((domain) => `domain ${shortName(domain.name)} ${words}\n`).join('')),
    json: () =>
      domains.length === 1 && domains[0] ? Domain.toJSON(domains[0]) : { domains: domains.map((domain) => Domain.toJSON(domain)) },
    names: () => domains.map((domain) => domain.name),
  });
}

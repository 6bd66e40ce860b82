import { Fault } from '@virtmesh/base';
import type { Connection } from '@virtmesh/client';
import type { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { DomainView, GetDomainRequest, ListDomainsRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { shortName } from '../domain-reference.ts';
import type { Invocation } from '../invocation.ts';
import { didYouMean } from '../nearest.ts';

/** Names of the fleet to choose a suggestion from: one page is enough, and nobody waits long for it. */
async function knownNames(connection: Connection, parent: string): Promise<string[]> {
  try {
    const page = await connection.domains.listDomains(ListDomainsRequest.fromPartial({ parent, pageSize: 1000, view: DomainView.BASIC }), {
      timeoutMs: 2000,
    });
    return page.domains.map((domain) => shortName(domain.name));
  } catch {
    return [];
  }
}

/** Makes a call about a DOMAIN argument; where there is none of that name, the fault says which there are that look like it. */
export async function aboutDomain<T>(
  invocation: Invocation,
  argument: string | undefined,
  call: (connection: Connection, name: string) => Promise<T>,
): Promise<T> {
  const name = invocation.domain(argument);
  const connection = await invocation.connect();
  try {
    return await call(connection, name);
  } catch (thrown) {
    if (!Fault.is(thrown, 'DOMAIN_NOT_FOUND') || name.includes('/uid:')) throw thrown;
    const hint = didYouMean(shortName(name), await knownNames(connection, invocation.parent));
    if (hint === '') throw thrown;
    throw new Fault(thrown.reason, thrown.message + hint, thrown.metadata, { cause: thrown, violations: thrown.violations });
  }
}

/** The domain of the verb's only argument. */
export function getDomain(invocation: Invocation, view: DomainView): Promise<Domain> {
  return aboutDomain(invocation, invocation.args[0], (connection, name) =>
    connection.domains.getDomain(GetDomainRequest.fromPartial({ name, view }), invocation.callOptions),
  );
}

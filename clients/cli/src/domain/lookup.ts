import { Fault } from '@virtmesh/base';
import type { Connection } from '@virtmesh/client';
import type { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { DomainView, GetDomainRequest, ListDomainsRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { shortName } from '../domain-reference.ts';
import type { Invocation } from '../invocation.ts';
import { didYouMean } from '../nearest.ts';
import { pages, pageSize } from '../paging.ts';

/** The names that there are, to choose a suggestion from; nobody waits long for it. */
async function knownNames(connection: Connection, parent: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const page of pages((pageToken) =>
      connection.domains.listDomains(ListDomainsRequest.fromPartial({ parent, pageSize, pageToken, view: DomainView.BASIC }), {
        timeoutMs: 2000,
      }),
    )) {
      names.push(...page.domains.map((domain) => shortName(domain.name)));
    }
  } catch {
    // A suggestion is a courtesy: the fault that is told is the one that was met.
  }
  return names;
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

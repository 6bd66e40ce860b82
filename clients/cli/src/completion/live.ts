import type { Connection } from '@virtmesh/client';
import type { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { DomainView, GetDomainRequest, ListDomainsRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { ListOperationsRequest } from '@virtmesh/contracts/operation/v1/operation_service';
import type { Completes } from '../command.ts';
import { devicesOf, type NamedDevice } from '../domain/devices.ts';
import { nodeOf, shortName } from '../domain-reference.ts';
import type { Invocation } from '../invocation.ts';
import { listNodes } from '../node/choose-node.ts';
import { isActive, stateWord } from '../output/states.ts';
import { pageSize } from '../paging.ts';
import type { Candidate } from './complete.ts';

/** What there is now, from the server. One page is more than anybody reads. */
export async function liveCandidates(
  invocation: Invocation,
  what: Exclude<Completes, 'file'>,
  /** The domain whose devices are meant. */
  domain?: string,
): Promise<readonly Candidate[]> {
  const connection = await invocation.connect();
  switch (what) {
    case 'node':
      return (await listNodes(invocation, connection)).map((node) => ({ value: nodeOf(node.name), summary: node.hostname }));
    case 'operation': {
      const { operations } = await connection.operations.listOperations(
        ListOperationsRequest.fromPartial({ parent: invocation.parent, pageSize }),
        invocation.callOptions,
      );
      return operations.map((operation) => ({ value: operation.name, summary: `${operation.verb} ${shortName(operation.target)}` }));
    }
    case 'domain':
    case 'active domain':
    case 'inactive domain': {
      const { domains } = await connection.domains.listDomains(
        ListDomainsRequest.fromPartial({ parent: invocation.parent, pageSize, view: DomainView.BASIC }),
        invocation.callOptions,
      );
      return candidatesOf(
        domains.filter((domain) => what === 'domain' || isActive(domain) === (what === 'active domain')),
        domains,
      );
    }
    case 'device':
    case 'disk':
    case 'interface':
      return (await devicesIn(invocation, connection, domain))
        .filter(({ kind }) => what === 'device' || kind === what)
        .map(deviceCandidate);
    default:
      return what satisfies never;
  }
}

/** Domains by name, and with their node where another one has the same name. */
function candidatesOf(domains: readonly Domain[], all: readonly Domain[]): Candidate[] {
  const count = new Map<string, number>();
  for (const domain of all) count.set(shortName(domain.name), (count.get(shortName(domain.name)) ?? 0) + 1);
  return domains.map((domain) => {
    const name = shortName(domain.name);
    return {
      value: count.get(name) === 1 ? name : `${nodeOf(domain.name)}/${name}`,
      summary: domain.title || stateWord(domain.status?.state),
    };
  });
}

/** The devices of a domain, those that wait for the next start too. */
async function devicesIn(invocation: Invocation, connection: Connection, argument: string | undefined): Promise<NamedDevice[]> {
  const { spec, activeSpec } = await connection.domains.getDomain(
    GetDomainRequest.fromPartial({ name: invocation.domain(argument), view: DomainView.FULL }),
    invocation.callOptions,
  );
  const active = devicesOf(activeSpec);
  return [...active, ...devicesOf(spec).filter(({ id }) => !active.some((device) => device.id === id))];
}

const deviceCandidate = ({ id, kind }: NamedDevice): Candidate => ({ value: id, summary: kind });

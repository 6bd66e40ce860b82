import { Domain, DomainState, DomainStateReason, DomainStatus } from '@virtmesh/contracts/domain/v1/domain';
import type { DomainEvent } from '@virtmesh/contracts/domain/v1/domain_event';
import { DomainServiceService, DomainView, ListDomainsRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { EventContext } from '@virtmesh/contracts/event/v1/event';
import type { AgentSession, IndexedKind, IndexedObject } from '@virtmesh/fleet';

const pageSize = 1000;
const pageTimeoutMs = 30_000;

/** Domains, as the index and the watches need to know them. */
export const domainKind: IndexedKind<DomainEvent> = {
  kind: 'domain',
  eventOf: ({ item }) => (item?.$case === 'domain' ? item.value : undefined),
  contextOf: (event) => event.context ?? EventContext.fromPartial({}),
  uidOf: (event) => event.uid,
  changeOf: (event) => {
    if (event.gone || !event.domain) return { t: 'gone', uid: event.uid };
    return { t: 'is', object: indexed(event.domain), full: event.full };
  },
  list,
  decode: (bytes) => indexed(Domain.decode(bytes)),
  unseen: ({ basic }) => {
    const domain = Domain.decode(basic);
    const known = domain.status ?? DomainStatus.fromPartial({});
    const status = {
      ...known,
      state: DomainState.UNKNOWN,
      reason: DomainStateReason.NODE_UNREACHABLE,
      message: 'the node cannot be reached; all else is as it was last known',
    };
    return { state: DomainState.UNKNOWN, basic: Domain.encode({ ...domain, status }).finish() };
  },
};

async function* list(session: AgentSession, signal: AbortSignal): AsyncGenerator<IndexedObject> {
  const client = session.client(DomainServiceService);
  let pageToken = '';
  do {
    const request = ListDomainsRequest.fromPartial({ parent: `nodes/${session.node}`, pageSize, pageToken, view: DomainView.FULL });
    const page = await client.listDomains(request, { signal, timeoutMs: pageTimeoutMs });
    yield* page.domains.map(indexed);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
}

function indexed(domain: Domain): IndexedObject {
  const { spec, activeSpec } = domain;
  return {
    uid: domain.uid,
    name: domain.name,
    revision: domain.revision,
    state: domain.status?.state ?? DomainState.UNSPECIFIED,
    labels: domain.labels,
    basic: Domain.encode({ ...domain, spec: undefined, activeSpec: undefined, asOf: undefined }).finish(),
    definitions: Domain.encode(Domain.fromPartial({ ...(spec ? { spec } : {}), ...(activeSpec ? { activeSpec } : {}) })).finish(),
  };
}

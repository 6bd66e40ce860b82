import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { credentials } from '@grpc/grpc-js';
import { Fault, parseDomainName, systemClock } from '@virtmesh/base';
import { Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';
import type { DomainEvent } from '@virtmesh/contracts/domain/v1/domain_event';
import { DomainServiceService, DomainView, ListDomainsRequest, ListDomainsResponse } from '@virtmesh/contracts/domain/v1/domain_service';
import { EventContext } from '@virtmesh/contracts/event/v1/event';
import type { RegistryChange } from '@virtmesh/events';
import { AnswerCache, silentLogger } from '@virtmesh/kit';
import { FeedSet } from '../feed-set.ts';
import { Fleet } from '../fleet.ts';
import { FleetIndex } from '../fleet-index.ts';
import { IndexSink } from '../index-sink.ts';
import { listIndexed, type ListRequest } from '../list.ts';
import type { IndexedKind, IndexedObject } from '../resource-kind.ts';
import { Router } from '../router.ts';
import { type Watched, watchFleet } from '../watch.ts';
import { FakeAgent } from './fake-agent.ts';

/** Domains, as little of them as tests of the fleet need. */
const testKind: IndexedKind<DomainEvent> = {
  kind: 'domain',
  eventOf: ({ item }) => (item?.$case === 'domain' ? item.value : undefined),
  contextOf: (event) => event.context ?? EventContext.fromPartial({}),
  uidOf: (event) => event.uid,
  changeOf: (event) =>
    event.gone || !event.domain ? { t: 'gone', uid: event.uid } : { t: 'is', object: indexed(event.domain), full: event.full },
  async *list(session, signal) {
    const client = session.client(DomainServiceService);
    let pageToken = '';
    do {
      const page = await client.listDomains(
        ListDomainsRequest.fromPartial({ parent: `nodes/${session.node}`, pageSize: 7, pageToken, view: DomainView.FULL }),
        { signal },
      );
      yield* page.domains.map(indexed);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
  },
  decode: (bytes) => indexed(Domain.decode(bytes)),
  unseen: ({ basic }) => {
    const domain = Domain.decode(basic);
    return {
      state: DomainState.UNKNOWN,
      basic: Domain.encode(Domain.fromPartial({ ...domain, status: { ...domain.status, state: DomainState.UNKNOWN } })).finish(),
    };
  },
};

function indexed(domain: Domain): IndexedObject {
  return {
    uid: domain.uid,
    name: domain.name,
    revision: domain.revision,
    state: domain.status?.state ?? 0,
    labels: domain.labels,
    basic: Domain.encode({ ...domain, spec: undefined, activeSpec: undefined }).finish(),
    definitions: Domain.encode(Domain.fromPartial({ ...(domain.spec ? { spec: domain.spec } : {}) })).finish(),
  };
}

/** A registry whose content tests decide. */
class TestRegistry {
  readonly #changes: RegistryChange[] = [{ t: 'caught-up' }];
  readonly #wakes = new Set<() => void>();

  tell(change: RegistryChange): void {
    this.#changes.push(change);
    for (const wake of this.#wakes) wake();
  }

  async *watch(signal: AbortSignal): AsyncGenerator<RegistryChange> {
    for (let at = 0; !signal.aborted;) {
      const change = this.#changes[at];
      if (change) {
        at += 1;
        yield change;
      } else {
        await new Promise<void>((resolve) => {
          this.#wakes.add(resolve);
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      }
    }
  }
}

/** A fleet over agents in this process. */
export class FleetWorld implements AsyncDisposable {
  readonly registry = new TestRegistry();
  readonly index = new FleetIndex();
  readonly fleet: Fleet;
  readonly feeds: FeedSet<DomainEvent>;
  readonly router: Router;
  readonly agents = new Map<string, FakeAgent>();
  readonly #answers = new AnswerCache({ clock: systemClock, maxAgeMs: 50 });
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(options: { silenceMs?: number } = {}) {
    setMaxListeners(0, this.#stop.signal);
    const settings = { log: silentLogger(), clock: systemClock, silenceMs: options.silenceMs ?? 5_000, retryMs: 20 };
    this.fleet = new Fleet({ registry: this.registry, credentials: () => credentials.createInsecure(), ...settings, maxRetryMs: 100 });
    this.feeds = new FeedSet({
      fleet: this.fleet,
      kind: testKind,
      sink: ({ node }) => new IndexSink({ node, kind: testKind, index: this.index }),
      ...settings,
    });
    this.router = new Router({
      fleet: this.fleet,
      index: this.index,
      form: { parse: parseDomainName, notFound: (name) => new Fault('DOMAIN_NOT_FOUND', `no ${name}`, { name }) },
      settled: (signal) => this.feeds.settled(signal),
    });
    this.#running = this.fleet.run(this.#stop.signal);
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** An agent that serves and has registered. */
  async agent(node: string): Promise<FakeAgent> {
    const agent = await new FakeAgent(node).start();
    this.agents.set(node, agent);
    this.register(agent);
    return agent;
  }

  register(agent: FakeAgent): void {
    this.registry.tell({
      t: 'registered',
      registration: { node: agent.node, nodeUid: agent.uid, addresses: [agent.address], agentVersion: '1', startTime: new Date() },
    });
  }

  /** Settles when the index has all that the agents that serve have. */
  async settle(): Promise<void> {
    for (const [node, agent] of this.agents) {
      if (!agent.serving) continue;
      while (this.feeds.get(node)?.point?.epoch !== agent.epoch || (this.feeds.get(node)?.point?.number ?? 0n) < agent.lastOfDomains)
        await delay(2);
    }
  }

  list(request: Partial<ListRequest> = {}): ListDomainsResponse {
    const source = {
      answers: this.#answers,
      fleet: this.fleet,
      index: this.index,
      feeds: this.feeds,
      kind: testKind,
      layout: { items: 1, nextPageToken: 2, resumeToken: 3, unreachable: 4, asOf: 5, objectAsOf: 12 },
      pageTag: 'page',
      resumeTag: 'watch',
    };
    return ListDomainsResponse.decode(
      listIndexed(source, { node: undefined, pageSize: 1000, pageToken: '', full: true, states: [], labels: {}, ...request }),
    );
  }

  watch(
    resumeToken = '',
    options: { uid?: string; node?: string; bookmarkMs?: number } = {},
    signal: AbortSignal = this.#stop.signal,
  ): AsyncGenerator<Watched<DomainEvent>> {
    return watchFleet({ feeds: this.feeds, tag: 'watch', resumeToken, clock: systemClock, ...options }, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    for (const agent of this.agents.values()) await agent[Symbol.asyncDispose]();
  }
}

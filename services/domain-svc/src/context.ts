import { Fault, parseDomainName, systemClock } from '@virtmesh/base';
import type { DomainEvent } from '@virtmesh/contracts/domain/v1/domain_event';
import type { NodeEvent } from '@virtmesh/contracts/node/v1/node_event';
import { type Copy, CopyStore, domainCopiesBucket, EventBus, EventPublisher, NodeRegistry, nodeCopiesBucket } from '@virtmesh/events';
import { FeedSet, Fleet, FleetIndex, IndexSink, keepCopies, type NameForm, Relay, restoreCopies, Router } from '@virtmesh/fleet';
import type { Logger, Metrics } from '@virtmesh/kit';
import { agentCredentials } from './adapters/agent-credentials.ts';
import { domainKind } from './adapters/domain-kind.ts';
import { measureFleet, relayObserver } from './adapters/measures.ts';
import { NodeDirectory } from './adapters/node-directory.ts';
import { nodeKind } from './adapters/node-kind.ts';
import type { DomainServiceConfig } from './config.ts';
import type { FleetParts } from './workflows/parts.ts';

/** The parts of domain-svc, put together. */
export interface DomainControlContext extends FleetParts {
  readonly bus: EventBus;
  /** Runs what runs beside the calls, until the signal. */
  run(signal: AbortSignal): Promise<void>;
}

export function domainControlContext({
  config,
  log,
  metrics,
}: {
  config: DomainServiceConfig;
  log: Logger;
  metrics: Metrics;
}): DomainControlContext {
  const clock = systemClock;
  const { silenceMs } = config;
  const { replicas } = config.nats;
  const bus = openBus(config, log);
  const fleet = new Fleet({
    registry: new NodeRegistry({ bus, log, replicas }),
    credentials: agentCredentials(config, log),
    log,
    clock,
    silenceMs,
  });
  const index = new FleetIndex();
  const domainCopies = new CopyStore({
    bus,
    log,
    replicas,
    bucket: domainCopiesBucket,
    description: 'What virtmesh last knew of each domain',
  });
  const nodeCopies = new CopyStore({ bus, log, replicas, bucket: nodeCopiesBucket, description: 'What virtmesh last knew of each node' });
  const directory = new NodeDirectory({ fleet, copies: nodeCopies, log, clock });
  const sinks = new Map<string, IndexSink<DomainEvent>>();
  const domains = new FeedSet<DomainEvent>({
    fleet,
    kind: domainKind,
    log,
    clock,
    silenceMs,
    sink: ({ node }) => {
      const sink = new IndexSink({ node, kind: domainKind, index });
      sinks.set(node, sink);
      return sink;
    },
  });
  const nodes = new FeedSet<NodeEvent>({ fleet, kind: nodeKind, sink: (link) => directory.sinkOf(link), log, clock, silenceMs });
  keepCopies(index, domainCopies, (node) => sinks.get(node)?.readingAnew ?? false);
  fleet.onForgotten((node) => index.replaceNode(node, []));
  warnOfDoubles(index, log);
  const publisher = new EventPublisher({
    bus,
    log,
    limits: { replicas, maxAgeMs: config.nats.eventHours * 3_600_000, maxBytes: config.nats.eventBytes },
  });
  const observer = relayObserver(metrics);
  for (const kind of ['domain', 'node'] as const)
    fleet.onNode((link, signal) => new Relay({ link, kind, publisher, log, clock, observer, silenceMs }).run(signal));
  measureFleet(metrics, { fleet, index, bus, unwritten: () => domainCopies.unwritten + nodeCopies.unwritten });
  const router = new Router({ fleet, index, form: domainNames, settled: (signal) => domains.settled(signal) });

  const restore = (copies: readonly Copy[]): void => {
    const isRead = (node: string): boolean => sinks.get(node)?.synced ?? false;
    for (const node of restoreCopies(copies, index, domainKind, isRead, log)) fleet.know(node);
    // What has gone while this service did not run is not kept.
    for (const copy of copies) if (isRead(copy.node) && !index.get(copy.node, copy.uid)) domainCopies.remove(copy);
  };
  const keep = async (store: CopyStore, take: (copies: readonly Copy[]) => void, signal: AbortSignal): Promise<void> => {
    take(await store.load(signal));
    await store.run(signal);
  };
  const run = async (signal: AbortSignal): Promise<void> => {
    const tasks = [
      fleet.run(signal),
      keep(domainCopies, restore, signal),
      keep(nodeCopies, (copies) => directory.restore(copies, (node) => fleet.know(node)), signal),
    ];
    await Promise.all(
      tasks.map((task) =>
        task.catch((thrown: unknown) => {
          if (!signal.aborted) throw thrown;
        }),
      ),
    );
  };
  return { clock, bus, fleet, index, domains, domainKind, nodes, directory, router, run };
}

function openBus(config: DomainServiceConfig, log: Logger): EventBus {
  const { servers, ca, cert, key, user, password } = config.nats;
  return EventBus.open({
    servers,
    name: 'domain-svc',
    log,
    ...(ca ? { tls: { caFile: ca, ...(cert ? { certFile: cert } : {}), ...(key ? { keyFile: key } : {}) } } : {}),
    ...(user ? { user } : {}),
    ...(password ? { password } : {}),
  });
}

const domainNames: NameForm = {
  parse: parseDomainName,
  notFound: (name, unreachable) => {
    const where = unreachable.length > 0 ? `; these nodes cannot be reached: ${unreachable.slice(0, 20).join(', ')}` : '';
    return new Fault('DOMAIN_NOT_FOUND', `no domain of any node is named ${name}${where}`, {
      name,
      ...(unreachable.length > 0 ? { unreachable: unreachable.slice(0, 20).join(',') } : {}),
    });
  },
};

/** A guest that is on two nodes is an alarm. */
function warnOfDoubles(index: FleetIndex, log: Logger): void {
  index.onChange((change) => {
    if (change.t !== 'put' || change.before) return;
    const all = index.withUid(change.entry.uid);
    if (all.length > 1)
      log.error(
        { uid: change.entry.uid, names: all.map((entry) => entry.name) },
        'one uid is on several nodes: one of these guests must be removed, and no disk of theirs used by both',
      );
  });
}

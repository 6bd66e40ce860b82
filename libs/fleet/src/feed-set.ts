import type { Clock } from '@virtmesh/base';
import type { Logger } from '@virtmesh/kit';
import type { AgentLink } from './agent-link.ts';
import { Feed, type FeedSink, type JournalPoint } from './feed.ts';
import type { Fleet } from './fleet.ts';
import type { ResourceKind } from './resource-kind.ts';

/** A node's feed, for as long as the node is known. */
export interface NodeFeed<E> {
  readonly feed: Feed<E>;
  readonly signal: AbortSignal;
}

export interface FeedSetOptions<E> {
  readonly fleet: Fleet;
  readonly kind: ResourceKind<E>;
  readonly sink: (link: AgentLink) => FeedSink<E>;
  readonly log: Logger;
  readonly clock: Clock;
  /** As of Feed. */
  readonly silenceMs?: number;
  readonly retryMs?: number;
}

const settleMs = 3_000;

/** One feed of one kind beside each node of the fleet. */
export class FeedSet<E> {
  readonly #feeds = new Map<string, NodeFeed<E>>();
  readonly #watchers = new Set<(added: NodeFeed<E>) => void>();
  readonly #forgetting = new Set<(node: string) => void>();
  readonly #options: FeedSetOptions<E>;
  readonly kind: ResourceKind<E>;

  constructor(options: FeedSetOptions<E>) {
    this.#options = options;
    this.kind = options.kind;
    const { fleet, sink, ...settings } = options;
    fleet.onForgotten((node) => {
      for (const callback of this.#forgetting) callback(node);
    });
    fleet.onNode(async (link, signal) => {
      const feed = new Feed<E>({ link, sink: sink(link), ...settings });
      const added = { feed, signal };
      this.#feeds.set(link.node, added);
      for (const watcher of this.#watchers) watcher(added);
      try {
        await feed.run(signal);
      } finally {
        if (this.#feeds.get(link.node) === added) this.#feeds.delete(link.node);
      }
    });
  }

  get(node: string): Feed<E> | undefined {
    return this.#feeds.get(node)?.feed;
  }

  /** Calls back for each feed there is and each that comes; answers how to stop that. */
  onFeed(watcher: (added: NodeFeed<E>) => void): () => void {
    for (const feed of this.#feeds.values()) watcher(feed);
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Calls back when a node was taken out of the registry for good; answers how to stop that. */
  onForgotten(callback: (node: string) => void): () => void {
    this.#forgetting.add(callback);
    return () => this.#forgetting.delete(callback);
  }

  /**
   * Settles when the nodes (one, or all) that answer were read, or after a while: what is asked of a service that just
   * started is then complete. A node that answers and cannot be read is waited for only at first.
   */
  async settled(signal: AbortSignal, node?: string): Promise<void> {
    const { clock, fleet } = this.#options;
    await fleet.settled(signal);
    const young = clock.now().getTime() - settleMs;
    const pending = fleet.links.filter(
      ({ node: name, state }) =>
        (node === undefined || name === node) && state.t !== 'unreachable' && state.since.getTime() > young && !this.get(name)?.point,
    );
    if (pending.length === 0) return;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(settleMs)]);
    const read = async (link: AgentLink): Promise<void> => {
      await link.require(limit);
      await this.get(link.node)?.known(limit);
    };
    await Promise.allSettled(pending.map(read));
  }

  /** How far each node's feed has come, of one node or all. Nodes that were never read are left out. */
  points(node?: string): Record<string, JournalPoint> {
    const feeds = [...this.#feeds].filter(([name, { feed }]) => (node === undefined || name === node) && feed.point);
    return Object.fromEntries(feeds.flatMap(([name, { feed }]) => (feed.point ? [[name, feed.point]] : [])));
  }
}

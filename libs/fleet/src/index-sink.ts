import type { AgentSession } from './agent-link.ts';
import type { FeedSink, JournalPoint } from './feed.ts';
import type { FleetIndex, IndexEntry } from './fleet-index.ts';
import type { IndexedKind } from './resource-kind.ts';

/** Keeps one node's part of the index at what its journal says. */
export class IndexSink<E> implements FeedSink<E> {
  readonly #node: string;
  readonly #kind: IndexedKind<E>;
  readonly #index: FleetIndex;
  #synced = false;
  #readingAnew = false;

  constructor(options: { node: string; kind: IndexedKind<E>; index: FleetIndex }) {
    this.#node = options.node;
    this.#kind = options.kind;
    this.#index = options.index;
  }

  /** Whether the node's objects were read from the node itself since this service started. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Whether the index's present changes come from such a reading. */
  get readingAnew(): boolean {
    return this.#readingAnew;
  }

  async resync(session: AgentSession, epoch: string, signal: AbortSignal): Promise<void> {
    const entries: IndexEntry[] = [];
    for await (const object of this.#kind.list(session, signal)) entries.push({ ...object, node: this.#node, epoch });
    this.#synced = true;
    this.#readingAnew = true;
    this.#index.replaceNode(this.#node, entries);
    this.#readingAnew = false;
  }

  apply(event: E, point: JournalPoint): 'applied' | 'resync' {
    const change = this.#kind.changeOf(event);
    if (change.t === 'gone') {
      this.#index.remove(this.#node, change.uid);
      return 'applied';
    }
    const { object, full } = change;
    const present = this.#index.get(this.#node, object.uid);
    // The list may have been read after this event.
    if (present && present.epoch === point.epoch && present.revision >= object.revision) return 'applied';
    if (!full && present?.epoch !== point.epoch) return 'resync';
    this.#index.put({
      ...object,
      definitions: full || !present ? object.definitions : present.definitions,
      node: this.#node,
      epoch: point.epoch,
    });
    return 'applied';
  }
}

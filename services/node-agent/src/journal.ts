import { Broadcast, type Clock, Fault } from '@virtmesh/base';
import type { EventContext } from '@virtmesh/contracts/event/v1/event';
import type { JournalRow, Store } from '@virtmesh/store';
import type { Cause } from './domains/model/cause.ts';

const pageSize = 256;

export type JournalKind = 'domain' | 'node';

/** What of the journal is read. */
export interface JournalReading {
  /** All kinds if left out. */
  readonly kind?: JournalKind | undefined;
  /** The number after which to begin. */
  readonly after: number;
  /** Whether to go on with what comes. */
  readonly follow: boolean;
}

/** The node's journal: every change gets the next number, is kept, and is told to those who follow. */
export class NodeJournal {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #node: string;
  readonly #live = new Broadcast<JournalRow>();

  constructor(options: { store: Store; clock: Clock; node: string }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#node = options.node;
  }

  get epoch(): string {
    return this.#store.epoch;
  }
  get last(): number {
    return this.#store.journal.last();
  }

  /** Adds an entry to the present transaction and answers its number; followers hear of it after the commit. */
  append(
    kind: JournalKind,
    uid: string,
    type: string,
    subject: string,
    cause: Cause,
    encode: (context: EventContext) => Uint8Array,
  ): number {
    let body: Uint8Array = new Uint8Array();
    const number = this.#store.journal.append(kind, uid, (position) => {
      body = encode({
        id: `${this.#store.nodeUid}/${position.epoch}/${position.number}`,
        source: `nodes/${this.#node}`,
        type: `io.virtmesh.${kind}.${type}.v1`,
        subject,
        time: this.#clock.now(),
        nodeUid: this.#store.nodeUid,
        epoch: position.epoch,
        number: BigInt(position.number),
        requestor: cause.requestor,
        requestId: cause.requestId,
        operation: cause.operation,
        traceparent: cause.traceparent,
      });
      return body;
    });
    // The caller whose change it was is answered first.
    this.#store.afterCommit(() => setImmediate(() => this.#live.publish({ number, kind, uid, body })));
    return number;
  }

  /** The highest number of a kind that was trimmed: a reader that has seen less than this has a gap. */
  trimmedUpTo(kind: JournalKind | undefined): number {
    return this.#store.journal.trimmedBefore(kind) - 1;
  }

  /**
   * Entries after a number: those that are kept, then, with `follow`, those that come, without gap or repeat. Undefined
   * stands for "all there is has been sent". A reader that lags is cut off with WATCHER_LAGGED.
   */
  async *read({ after, follow, kind }: JournalReading, signal: AbortSignal): AsyncGenerator<JournalRow | undefined> {
    let seen = after;
    let live: AsyncIterableIterator<JournalRow> | undefined;
    try {
      for (let more = true; more;) {
        // A reader that is slower than the trimming must not miss it.
        if (this.trimmedUpTo(kind) > seen) throw trimmed(this.epoch, 'it was trimmed before it was read');
        const page = this.#store.journal.read({ after: seen, limit: pageSize, kind });
        more = page.length === pageSize;
        // A short page is the end; following begins in the same turn of the event loop, so that nothing comes between.
        if (!more && follow) live = this.#live.subscribe(signal);
        for (const row of page) {
          yield row;
          seen = row.number;
        }
        if (signal.aborted) return;
      }
      if (live === undefined) return;
      yield undefined;
      for await (const entry of live) {
        if (entry.number > seen && (kind === undefined || entry.kind === kind)) yield entry;
      }
    } finally {
      await live?.return?.();
    }
  }
}

/** JOURNAL_TRIMMED for a reader at a position that the journal no longer has. */
export const trimmed = (epoch: string, why: string): Fault =>
  new Fault(
    'JOURNAL_TRIMMED',
    `the node's journal no longer has what follows the position: ${why}; list again and watch from that list's token`,
    { epoch, why },
  );

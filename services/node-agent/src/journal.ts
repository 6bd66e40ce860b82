import { Broadcast, type Clock } from '@virtmesh/base';
import type { EventContext } from '@virtmesh/contracts/event/v1/event';
import type { Store } from '@virtmesh/store';
import type { Cause, JournalEntry } from './domains/ports.ts';

const pageSize = 256;

export type JournalKind = 'domain' | 'node';

/** The node's journal: every change gets the next number, is kept, and is told to those who follow. */
export class NodeJournal {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #node: string;
  readonly #live = new Broadcast<JournalEntry>();

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
  append(kind: JournalKind, uid: string, type: string, subject: string, cause: Cause, body: (context: EventContext) => Uint8Array): number {
    let bytes: Uint8Array = new Uint8Array();
    const number = this.#store.journal.append(kind, uid, (position) => {
      bytes = body({
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
      return bytes;
    });
    this.#store.afterCommit(() => this.#live.publish({ number, kind, uid, body: bytes }));
    return number;
  }

  /** The first number that can still be read for a kind, less one: a reader that has seen less than this has a gap. */
  trimmedUpTo(kind: JournalKind | undefined): number {
    return this.#store.journal.trimmedBefore(kind);
  }

  /**
   * Entries after a number: those that are kept, then, with `follow`, those that come, without gap or repeat. Undefined
   * stands for "all there is has been sent". A reader that lags is cut off with WATCHER_LAGGED.
   */
  async *read(options: { kind?: JournalKind; after: number; follow: boolean }, signal: AbortSignal): AsyncGenerator<JournalEntry | undefined> {
    let seen = options.after;
    let live: AsyncIterableIterator<JournalEntry> | undefined;
    for (;;) {
      const page = this.#store.journal.read({ after: seen, limit: pageSize, ...(options.kind ? { kind: options.kind } : {}) });
      // A short page is the end; following begins in the same turn of the event loop, so that nothing comes between.
      if (page.length < pageSize && options.follow) live = this.#live.subscribe(signal);
      for (const row of page) {
        yield row;
        seen = row.number;
        if (signal.aborted) return;
      }
      if (page.length < pageSize) break;
    }
    if (live === undefined) return;
    yield undefined;
    for await (const entry of live) {
      if (entry.number > seen && (options.kind === undefined || entry.kind === options.kind)) yield entry;
    }
  }
}

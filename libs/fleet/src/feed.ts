import { type Clock, Broadcast, Fault, nodeName, raceAbort, sleep } from '@virtmesh/base';
import type { JournalMark, ReadJournalResponse } from '@virtmesh/contracts/agent/v1/journal_service';
import type { Gap } from '@virtmesh/contracts/event/v1/event';
import { NodeServiceService } from '@virtmesh/contracts/node/v1/node_service';
import type { Logger } from '@virtmesh/kit';
import type { AgentLink, AgentSession } from './agent-link.ts';
import { withDeadman } from './deadman.ts';
import type { ResourceKind } from './resource-kind.ts';

/** A place in one node's journal. */
export interface JournalPoint {
  readonly epoch: string;
  readonly number: bigint;
}

/** What a feed tells: each event once and in order, gaps, and how far it has come. */
export type FeedItem<E> =
  | { readonly t: 'event'; readonly event: E; readonly point: JournalPoint }
  | { readonly t: 'gap'; readonly gap: Gap; readonly point: JournalPoint }
  /** There were no events of the kind up to here. */
  | { readonly t: 'advance'; readonly point: JournalPoint };

/** Keeps what a feed's events are about. */
export interface FeedSink<E> {
  /** Reads all objects of the node anew. */
  resync(session: AgentSession, epoch: string, signal: AbortSignal): Promise<void>;
  /** Takes in an event; `resync` asks for all objects to be read anew. */
  apply(event: E, point: JournalPoint): 'applied' | 'resync';
}

export interface FeedOptions<E> {
  readonly link: AgentLink;
  readonly kind: ResourceKind<E>;
  readonly sink: FeedSink<E>;
  readonly log: Logger;
  readonly clock: Clock;
  /** As of AgentLink. */
  readonly silenceMs?: number;
  readonly retryMs?: number;
}

const maxRetryMs = 5_000;

/** Follows one node's journal of one kind, keeps the sink at its state, and tells its events to watchers. */
export class Feed<E> {
  readonly node: string;
  readonly #options: FeedOptions<E>;
  readonly #live = new Broadcast<FeedItem<E>>();
  readonly #waiting = new Set<() => void>();
  #point: JournalPoint | undefined;
  #lastEvent: JournalMark | undefined;

  constructor(options: FeedOptions<E>) {
    this.node = options.link.node;
    this.#options = options;
  }

  get link(): AgentLink {
    return this.#options.link;
  }

  /** How far the sink has come; undefined until it was read from the node for the first time. */
  get point(): JournalPoint | undefined {
    return this.#point;
  }

  /** Items after `point`, from now on: take both in the same turn of the event loop. */
  subscribe(signal: AbortSignal): AsyncIterableIterator<FeedItem<E>> {
    return this.#live.subscribe(signal);
  }

  /** The first point, as soon as there is one. */
  async known(signal: AbortSignal): Promise<JournalPoint> {
    while (this.#point === undefined) await this.#change(signal);
    return this.#point;
  }

  /** Settles when the sink has come to a number. NODE_UNREACHABLE at once where the node is not reached, DEADLINE_EXCEEDED after `timeoutMs`. */
  async reach(number: bigint, timeoutMs: number, signal: AbortSignal): Promise<void> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    while (this.#point === undefined || this.#point.number < number) {
      await this.link.require(limit);
      await this.#change(limit).catch((thrown: unknown) => {
        if (signal.aborted || !limit.aborted) throw thrown;
        const reached = this.#point?.number.toString() ?? 'none';
        throw new Fault(
          'DEADLINE_EXCEEDED',
          `the list of node ${this.node} has not come to revision ${number} in time (it is at ${reached}); check the revision, or retry`,
          { node: this.node, revision: String(number), reached },
        );
      });
    }
  }

  /** Follows until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { link, log, retryMs = 100 } = this.#options;
    const stop = link.onState(() => this.#wake());
    let delayMs = retryMs;
    try {
      while (!signal.aborted) {
        const session = await link.session(signal);
        const during = AbortSignal.any([signal, session.signal]);
        try {
          if (this.#point === undefined) await this.#resync(session, during);
          await this.#follow(session, during, () => {
            delayMs = retryMs;
          });
        } catch (thrown) {
          if (during.aborted) continue;
          log.warn(
            { node: this.node, kind: this.#options.kind.kind, error: String(thrown) },
            'following the journal was interrupted; going on where it stood',
          );
        }
        await sleep(delayMs * (0.5 + Math.random()), during).catch(() => undefined);
        delayMs = Math.min(delayMs * 2, maxRetryMs);
      }
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
    } finally {
      stop();
    }
  }

  async #follow(session: AgentSession, signal: AbortSignal, onEntry: () => void): Promise<void> {
    const from = this.#point;
    if (!from) return;
    const stream = session.journal.readJournal(
      {
        kind: this.#options.kind.kind,
        epoch: from.epoch,
        after: from.number,
        follow: true,
        known: this.#lastEvent ? [this.#lastEvent] : [],
      },
      { signal },
    );
    for await (const entry of withDeadman(stream, this.#options.silenceMs ?? 15_000)) {
      this.link.sawLife(session);
      onEntry();
      if ((await this.#take(entry, session, signal)) === 'begin-anew') return;
    }
  }

  async #take(entry: ReadJournalResponse, session: AgentSession, signal: AbortSignal): Promise<'taken' | 'begin-anew'> {
    const before = this.#point;
    const point = { epoch: entry.epoch, number: entry.number };
    if (entry.item?.$case === 'gap' || before?.epoch !== point.epoch) {
      await this.#gap(entry, session, signal);
      // What the stream still holds is older than what was read just now.
      return 'begin-anew';
    }
    if (point.number <= before.number) return 'taken';
    const event = this.#options.kind.eventOf(entry);
    if (event && this.#options.sink.apply(event, point) === 'resync') await this.#options.sink.resync(session, point.epoch, signal);
    if (event) this.#lastEvent = { ...point, time: this.#options.kind.contextOf(event).time };
    this.#advance(point, event ? { t: 'event', event, point } : { t: 'advance', point });
    return 'taken';
  }

  /** Entries were lost: all objects are read anew, and watchers are told. */
  async #gap(entry: ReadJournalResponse, session: AgentSession, signal: AbortSignal): Promise<void> {
    const before = this.#point;
    const point = await this.#resync(session, signal);
    const told = entry.item?.$case === 'gap' ? entry.item.value : undefined;
    const newEpoch = before?.epoch !== point.epoch;
    const gap: Gap = {
      first: newEpoch || !before ? 0n : before.number + 1n,
      last: point.number,
      reason:
        told?.reason ||
        (newEpoch ? 'the journal of the node is another one than before' : 'entries of the journal were trimmed before they were read'),
    };
    this.#options.log.warn(
      { node: this.node, kind: this.#options.kind.kind, first: gap.first, last: gap.last, reason: gap.reason },
      'entries of the journal were lost; all objects were read anew',
    );
    this.#advance(point, { t: 'gap', gap, point });
  }

  /** Reads all objects; answers the point that they are true for, at least. */
  async #resync(session: AgentSession, signal: AbortSignal): Promise<JournalPoint> {
    // Read before the objects: what happens meanwhile is in the journal after this point, and taking it in twice does no harm.
    const now = await session.client(NodeServiceService).getNode({ name: nodeName(this.node) }, { signal, timeoutMs: 10_000 });
    const point = { epoch: now.journalEpoch, number: now.journalNumber };
    await this.#options.sink.resync(session, point.epoch, signal);
    if (this.#point === undefined) {
      this.#point = point;
      this.#wake();
    }
    return point;
  }

  #advance(point: JournalPoint, item: FeedItem<E>): void {
    this.#point = point;
    this.#live.publish(item);
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  #change(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    return raceAbort(promise, signal).finally(() => this.#waiting.delete(resolve));
  }
}

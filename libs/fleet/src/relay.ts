import { type Clock, Fault, nodeName, sleep } from '@virtmesh/base';
import type { ReadJournalResponse } from '@virtmesh/contracts/agent/v1/journal_service';
import type { EventContext, Gap } from '@virtmesh/contracts/event/v1/event';
import {
  type Cursor,
  type EventKind,
  type EventMessage,
  eventKinds,
  type EventPublisher,
  formatEventId,
  formatGapId,
  gapType,
  type JournalPosition,
  publishWindow,
} from '@virtmesh/events';
import type { Logger } from '@virtmesh/kit';
import type { AgentLink, AgentSession } from './agent-link.ts';
import { withDeadman } from './deadman.ts';
import { inBatches } from './entry-batches.ts';

/** What a relay tells of itself. */
export interface RelayObserver {
  /** Events were published. */
  published(node: string, kind: EventKind, count: number): void;
  /** It begins anew from the cursor, because of another publisher or a failure. */
  beganAnew(node: string, kind: EventKind, why: 'conflict' | 'unknown' | 'failure'): void;
}

export interface RelayOptions {
  readonly link: AgentLink;
  readonly kind: EventKind;
  readonly publisher: EventPublisher;
  readonly log: Logger;
  readonly clock: Clock;
  readonly observer?: RelayObserver;
  /** How long after the last event the agent hears that it is relayed, in milliseconds; 1,000 if left out. */
  readonly confirmMs?: number;
  readonly silenceMs?: number;
  readonly retryMs?: number;
}

/** How many events are published before the agent hears of it, while there are more. */
const confirmEvery = 1024;

/**
 * Publishes one node's journal of one kind in NATS, each entry exactly once and in order. The last message on the subject is
 * where it stands; it remembers nothing else, so it can be killed at any point and run beside another one.
 */
export class Relay {
  readonly #options: RelayOptions;
  #confirmed: { readonly epoch: string; readonly number: bigint } | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** Relays until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { link, kind, log, observer, retryMs = 250 } = this.#options;
    let delayMs = retryMs;
    while (!signal.aborted) {
      try {
        const session = await link.session(signal);
        const during = AbortSignal.any([signal, session.signal]);
        const why = await this.#relay(session, during, () => {
          delayMs = retryMs;
        });
        observer?.beganAnew(link.node, kind, why);
      } catch (thrown) {
        if (signal.aborted) return;
        observer?.beganAnew(link.node, kind, 'failure');
        // The link has told of it.
        if (!Fault.is(thrown, 'NODE_UNREACHABLE'))
          log.warn({ node: link.node, kind, error: String(thrown) }, 'relaying was interrupted; going on from what was published last');
      }
      await sleep(delayMs * (0.5 + Math.random()), signal).catch(() => undefined);
      delayMs = Math.min(delayMs * 2, 5_000);
    }
  }

  /** Relays from the cursor on; ends where the cursor must be read again. */
  async #relay(session: AgentSession, signal: AbortSignal, onPublished: () => void): Promise<'conflict' | 'unknown' | 'failure'> {
    const { link, kind, publisher, silenceMs = 15_000 } = this.#options;
    // With those of the other kinds, the agent can tell before anything is relayed that its journal gives numbers a second time.
    const cursors = await Promise.all(eventKinds.map((each) => publisher.lastPublished(each, link.node, signal)));
    let cursor = cursors[eventKinds.indexOf(kind)];
    const known = cursors.flatMap((each) => (each ? [{ epoch: each.id.epoch, number: each.id.number, time: each.time }] : []));
    const stream = session.journal.readJournal(
      { kind, epoch: cursor?.id.epoch ?? '', after: cursor?.id.number ?? 0n, follow: true, known },
      { signal },
    );
    const confirm = new Confirmation((position) => this.#confirm(session, position, signal), this.#options.confirmMs ?? 1_000);
    try {
      for await (const batch of inBatches(withDeadman(stream, silenceMs), publishWindow)) {
        const events = batch.flatMap((entry) => this.#eventOf(entry, session.atConnect.uid, cursor));
        const seen = batch.at(-1);
        if (events.length > 0) {
          const outcome = await this.#publish(events, cursor, signal);
          if (outcome.cursor) cursor = outcome.cursor;
          if (outcome.published > 0) onPublished();
          if (outcome.t === 'conflict') {
            // Another relay of this kind and node; it may have published all that is here, and this one goes on after it.
            cursor = await publisher.lastPublished(kind, link.node, signal);
            if (!cursor || !covers(cursor, events.at(-1))) return 'conflict';
          } else if (outcome.t === 'unknown') return 'unknown';
        }
        if (cursor)
          confirm.reached(seen && seen.epoch === cursor.id.epoch ? { ...cursor.id, number: seen.number } : cursor.id, events.length);
      }
      return 'failure';
    } finally {
      confirm.stop();
    }
  }

  /** Publishes; an event that is too large for the server gives way to a gap in its place. */
  async #publish(
    events: readonly EventMessage[],
    from: Cursor | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly t: 'published' | 'conflict' | 'unknown'; readonly published: number; readonly cursor: Cursor | undefined }> {
    const { publisher, kind, log, observer, link } = this.#options;
    let cursor = from;
    let rest = events;
    let published = 0;
    while (rest.length > 0) {
      const outcome = await publisher.publishBatch(rest, cursor?.sequence ?? 0, signal);
      const last = rest[outcome.published - 1];
      if (last) cursor = { sequence: outcome.sequence, id: positionOf(last.context) };
      published += outcome.published;
      observer?.published(link.node, kind, outcome.published);
      rest = rest.slice(outcome.published);
      const [tooLarge, ...others] = rest;
      if (outcome.t === 'conflict' || outcome.t === 'unknown') {
        if (outcome.t === 'unknown')
          log.warn(
            { node: link.node, kind, error: String(outcome.error) },
            'it cannot be told whether events were published; looking at what was published last',
          );
        return { t: outcome.t, published, cursor };
      }
      if (outcome.t === 'too-large' && tooLarge) {
        const reason = `the event has ${outcome.bytes} bytes and NATS takes ${outcome.limitBytes}; raise max_payload there`;
        log.error({ node: link.node, kind, id: tooLarge.context.id, reason }, 'an event cannot be published; a gap takes its place');
        const { number } = tooLarge.context;
        rest = [this.#gapEvent(positionOf(tooLarge.context), { first: number, last: number, reason }), ...others];
      }
    }
    return { t: 'published', published, cursor };
  }

  #eventOf(entry: ReadJournalResponse, nodeUid: string, cursor: Cursor | undefined): EventMessage[] {
    const { kind, link } = this.#options;
    const { item } = entry;
    // What another relay has published meanwhile.
    if (cursor && cursor.id.epoch === entry.epoch && entry.number <= cursor.id.number) return [];
    if (item?.$case === 'gap') return [this.#gapEvent({ nodeUid, epoch: entry.epoch, number: entry.number }, item.value)];
    if (item?.$case !== kind || !item.value.context) return [];
    return [{ kind, node: link.node, context: item.value.context, body: item }];
  }

  #gapEvent(position: JournalPosition, gap: Gap): EventMessage {
    const { kind, link, clock } = this.#options;
    const name = nodeName(link.node);
    const context: EventContext = {
      id: formatGapId(kind, position),
      source: name,
      type: gapType(kind),
      subject: name,
      time: clock.now(),
      nodeUid: position.nodeUid,
      epoch: position.epoch,
      number: position.number,
      requestor: '',
      requestId: '',
      operation: '',
      traceparent: '',
    };
    return { kind, node: link.node, context, body: { $case: 'gap', value: gap } };
  }

  /** Tells the agent what may be trimmed, and NATS what was published in case the subject's last message expires. */
  async #confirm(session: AgentSession, position: JournalPosition, signal: AbortSignal): Promise<void> {
    const { kind, link, publisher, log } = this.#options;
    const { epoch, number } = position;
    if (this.#confirmed?.epoch === epoch && this.#confirmed.number === number) return;
    try {
      await publisher.rememberCursor(kind, link.node, formatEventId(position), signal);
      await session.journal.confirmJournal({ kind, epoch, number }, { signal, timeoutMs: 5_000 });
      this.#confirmed = { epoch, number };
    } catch (thrown) {
      if (!signal.aborted)
        log.warn(
          { node: link.node, kind, error: String(thrown) },
          'what was relayed could not be confirmed; the next confirmation says it too',
        );
    }
  }
}

/** Confirms now and then: after many events, and some time after the last. */
class Confirmation {
  readonly #send: (position: JournalPosition) => Promise<void>;
  readonly #afterMs: number;
  #position: JournalPosition | undefined;
  #events = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(send: (position: JournalPosition) => Promise<void>, afterMs: number) {
    this.#send = send;
    this.#afterMs = afterMs;
  }

  reached(position: JournalPosition, events: number): void {
    this.#position = position;
    this.#events += events;
    if (this.#events >= confirmEvery) this.#now();
    else this.#timer ??= setTimeout(() => this.#now(), this.#afterMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #now(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#events = 0;
    if (this.#position) void this.#send(this.#position);
  }
}

const positionOf = (context: EventContext): JournalPosition => ({ nodeUid: context.nodeUid, epoch: context.epoch, number: context.number });

/** Whether what was published last is this event or a later one of the same epoch. */
const covers = (cursor: Cursor, event: EventMessage | undefined): boolean =>
  event !== undefined && cursor.id.epoch === event.context.epoch && cursor.id.number >= event.context.number;

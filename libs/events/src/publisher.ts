import { raceAbort } from '@virtmesh/base';
import { headers as makeHeaders, type MsgHdrs } from 'nats';
import { apiErrorCode, apiErrorOf } from './api-error.ts';
import type { BusSession, EventBus } from './bus.ts';
import { Bucket } from './bucket.ts';
import { decodeCloudEvent, encodeCloudEvent } from './cloud-event.ts';
import { type JournalPosition, parseEventId } from './event-id.ts';
import { type EventMessage, gapType, toCloudEvent } from './event-message.ts';
import { ensureEventStream, type EventStreamLimits } from './event-stream.ts';
import type { EventLog } from './log.ts';
import { headerMap } from './push-consumer.ts';
import { cursorBucket, type EventKind, eventStreamName, eventSubject } from './subjects.ts';

/** What was last published of one kind and node. */
export interface Cursor {
  /** The stream's sequence of the subject's last message; 0 where all of them have expired. */
  readonly sequence: number;
  readonly id: JournalPosition;
  /** The time of the last event; undefined where it has expired, or where a gap stands in its place. */
  readonly time?: Date;
}

/** What came of publishing a batch. The first `published` events are in the stream in either case. */
export type PublishOutcome =
  | { readonly t: 'published'; readonly published: number; readonly sequence: number }
  /** Another publisher was there first: read the cursor and go on from it. */
  | { readonly t: 'conflict'; readonly published: number; readonly sequence: number }
  /** It cannot be told what became of the rest: read the cursor and go on from it. */
  | { readonly t: 'unknown'; readonly published: number; readonly sequence: number; readonly error: unknown }
  /** The next event is larger than the server takes. */
  | { readonly t: 'too-large'; readonly published: number; readonly sequence: number; readonly bytes: number; readonly limitBytes: number };

/** How many events may be under way at once. */
export const publishWindow = 256;

interface Prepared {
  readonly id: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly data: Uint8Array;
  readonly bytes: number;
}

/**
 * Publishes the events of nodes, each exactly once and in order, however many publishers there are.
 *
 * The first event of a batch is taken by the server only after the sequence that the caller expects to be the subject's
 * last; each further one only directly after the one before it, by that one's id. Expecting guessed sequences would not
 * do: with a message of another subject between, a later event of the batch can meet its guess though an earlier was refused.
 */
export class EventPublisher {
  readonly #bus: EventBus;
  readonly #limits: EventStreamLimits;
  readonly #cursors: Bucket;

  constructor(options: { bus: EventBus; log: EventLog; limits?: EventStreamLimits }) {
    this.#bus = options.bus;
    this.#limits = options.limits ?? {};
    this.#cursors = new Bucket({
      bus: options.bus,
      log: options.log,
      name: cursorBucket,
      description: 'Where the relays of virtmesh stand',
      ...(this.#limits.replicas ? { replicas: this.#limits.replicas } : {}),
    });
  }

  /** What was last published of a kind and node, or undefined if nothing ever was. Waits for a connection; fails where it is lost. */
  async lastPublished(kind: EventKind, node: string, signal: AbortSignal): Promise<Cursor | undefined> {
    const session = await this.#session(signal);
    try {
      // Asked of the stream's leader: a copy that lags would only cost a conflict, but each time anew.
      const last = await session.jsm.streams.getMessage(eventStreamName, { last_by_subj: eventSubject(kind, node) });
      const headers = headerMap(last.header);
      const id = parseEventId(headers.get('Nats-Msg-Id') ?? '');
      if (!id)
        throw new Error(
          `message ${last.seq} of ${eventStreamName} on ${eventSubject(kind, node)} was not published by virtmesh; remove it, and keep others from publishing there`,
        );
      const { time, type } = decodeCloudEvent({ headers, data: last.data });
      return { sequence: last.seq, id, ...(time && type !== gapType(kind) ? { time } : {}) };
    } catch (thrown) {
      if (apiErrorOf(thrown) !== apiErrorCode.messageNotFound) throw thrown;
    }
    const remembered = await this.#cursors.get(cursorKey(kind, node), signal);
    const id = remembered ? parseEventId(Buffer.from(remembered.value).toString('utf8')) : undefined;
    return id ? { sequence: 0, id } : undefined;
  }

  /** Remembers what was published beyond the life of the subject's last message. To be called now and then. */
  async rememberCursor(kind: EventKind, node: string, id: string, signal: AbortSignal): Promise<void> {
    await this.#cursors.put(cursorKey(kind, node), Buffer.from(id), signal);
  }

  /** Publishes one event after the subject's last message, which has the expected sequence (0: there is none). */
  publish(event: EventMessage, expectedLastSequence: number, signal: AbortSignal): Promise<PublishOutcome> {
    return this.publishBatch([event], expectedLastSequence, signal);
  }

  /** Publishes events of one kind and node in order. Never throws but for an abort of the signal while it waits for a connection. */
  async publishBatch(events: readonly EventMessage[], expectedLastSequence: number, signal: AbortSignal): Promise<PublishOutcome> {
    const session = await this.#session(signal);
    const prepared = events.map(prepare);
    const tooLarge = prepared.findIndex((event) => event.bytes > session.maxPayloadBytes);
    const sendable = tooLarge < 0 ? prepared : prepared.slice(0, tooLarge);
    const [first] = events;
    const subject = first ? eventSubject(first.kind, first.node) : '';
    let sequence = expectedLastSequence;
    let published = 0;
    let window = publishWindow;
    while (published < sendable.length) {
      const chunk = sendable.slice(published, published + window);
      const outcome = await publishChunk(session, subject, chunk, sequence);
      published += outcome.taken;
      sequence = outcome.sequence;
      if (outcome.t === 'conflict') return { t: 'conflict', published, sequence };
      if (outcome.t === 'unknown') return { t: 'unknown', published, sequence, error: outcome.error };
      // Others publish in the same stream at the same time: what follows a break is refused, so fewer are sent at once.
      window = outcome.t === 'broken' ? Math.max(1, Math.trunc(window / 2)) : Math.min(publishWindow, window * 2);
    }
    const stopped = sendable.length < prepared.length ? prepared[tooLarge] : undefined;
    if (stopped) return { t: 'too-large', published, sequence, bytes: stopped.bytes, limitBytes: session.maxPayloadBytes };
    return { t: 'published', published, sequence };
  }

  async #session(signal: AbortSignal): Promise<BusSession> {
    const session = await this.#bus.session(signal);
    await ensureEventStream(session, this.#limits);
    return session;
  }
}

const cursorKey = (kind: EventKind, node: string): string => `${kind}.${node}`;

function prepare(message: EventMessage): Prepared {
  const { headers, data } = encodeCloudEvent(toCloudEvent(message));
  // Beside the attributes there are the id and what is expected.
  let bytes = data.length + 512;
  for (const [name, value] of headers) bytes += name.length + value.length + 4;
  return { id: message.context.id, headers, data, bytes };
}

/** The client adds to the headers that it is given, so each attempt has its own. */
function natsHeaders(event: Prepared): MsgHdrs {
  const headers = makeHeaders();
  for (const [name, value] of event.headers) headers.set(name, value);
  return headers;
}

type ChunkOutcome = { readonly taken: number; readonly sequence: number } & (
  | { readonly t: 'all' | 'broken' | 'conflict' }
  | { readonly t: 'unknown'; readonly error: unknown }
);

/** Sends all events of a chunk at once. They are taken as far as the chain holds. */
async function publishChunk(session: BusSession, subject: string, chunk: readonly Prepared[], lastSequence: number): Promise<ChunkOutcome> {
  const acks = await Promise.allSettled(
    chunk.map((event, index) => {
      const before = chunk[index - 1];
      const expect = before ? { lastMsgID: before.id } : { lastSubjectSequence: lastSequence };
      return raceAbort(
        session.js.publish(subject, event.data, {
          headers: natsHeaders(event),
          msgID: event.id,
          expect: { ...expect, streamName: eventStreamName },
        }),
        session.signal,
      );
    }),
  );
  let sequence = lastSequence;
  for (const [taken, ack] of acks.entries()) {
    if (ack.status === 'fulfilled') {
      sequence = ack.value.seq;
      continue;
    }
    const code = apiErrorOf(ack.reason);
    if (code === apiErrorCode.wrongLastSequence) return { t: 'conflict', taken, sequence };
    if (code === apiErrorCode.wrongLastMessageId) return { t: 'broken', taken, sequence };
    return { t: 'unknown', taken, sequence, error: ack.reason };
  }
  return { t: 'all', taken: chunk.length, sequence };
}

import { sleep } from '@virtmesh/base';
import { consumerOpts, type ConsumerOptsBuilder, type JsMsg } from 'nats';
import type { BusSession, EventBus } from './bus.ts';
import type { EventLog } from './log.ts';

/** Where a reader begins. */
export type FollowStart =
  | { readonly t: 'all' }
  /** With what comes from now on. */
  | { readonly t: 'new' }
  | { readonly t: 'sequence'; readonly sequence: number }
  | { readonly t: 'time'; readonly time: Date }
  /** With the last message of each subject; done again at each connection. */
  | { readonly t: 'last-per-subject' };

/** A message of a stream. */
export interface StoredMessage {
  readonly subject: string;
  readonly sequence: number;
  readonly time: Date;
  readonly headers: ReadonlyMap<string, string>;
  readonly data: Uint8Array;
}

/** What a reader gets: messages in order, and word when it has all that were there at (each) begin. */
export type Followed = { readonly t: 'message'; readonly message: StoredMessage } | { readonly t: 'caught-up' };

export interface FollowOptions {
  readonly bus: EventBus;
  readonly log: EventLog;
  readonly stream: string;
  /** The subjects wanted, with wildcards. */
  readonly filter: string;
  readonly start: FollowStart;
  /** Sees to it that the stream exists. */
  readonly ensure: (session: BusSession) => Promise<unknown>;
}

const retryMs = 500;

/** Reads a stream in order, without repeat or hole over any number of connections, until the signal. */
export async function* follow(options: FollowOptions, signal: AbortSignal): AsyncGenerator<Followed> {
  let start = options.start;
  while (!signal.aborted) {
    try {
      const session = await options.bus.session(signal);
      await options.ensure(session);
      start = await anchored(session, options.stream, start);
      for await (const followed of readSession(session, options, start, signal)) {
        if (followed.t === 'message' && start.t !== 'last-per-subject') start = { t: 'sequence', sequence: followed.message.sequence + 1 };
        yield followed;
      }
    } catch (thrown) {
      if (signal.aborted) return;
      if (options.bus.status.t === 'closed') throw thrown;
      options.log.warn({ stream: options.stream, filter: options.filter, error: String(thrown) }, 'reading the stream was interrupted; going on where it stood');
    }
    await sleep(retryMs * (0.5 + Math.random()), signal).catch(() => undefined);
  }
}

/** `new` as a sequence, so that an early interruption loses nothing; the begin where a stream was made anew meanwhile. */
async function anchored(session: BusSession, stream: string, start: FollowStart): Promise<FollowStart> {
  if (start.t !== 'new' && start.t !== 'sequence') return start;
  const last = (await session.jsm.streams.info(stream)).state.last_seq;
  if (start.t === 'new') return { t: 'sequence', sequence: last + 1 };
  return start.sequence > last + 1 ? { t: 'all' } : start;
}

async function* readSession(session: BusSession, options: FollowOptions, start: FollowStart, signal: AbortSignal): AsyncGenerator<Followed> {
  const subscription = await session.js.subscribe(options.filter, consumerFor(options.stream, start));
  const end = (): void => subscription.unsubscribe();
  const ended = AbortSignal.any([signal, session.signal]);
  ended.addEventListener('abort', end, { once: true });
  if (ended.aborted) end();
  try {
    const first = subscriptionPending(await subscription.consumerInfo());
    let caughtUp = first === 0;
    if (caughtUp) yield { t: 'caught-up' };
    let received = 0;
    for await (const message of subscription) {
      // An ordered consumer that is made anew before its first message begins at the stream's first; those are not wanted.
      if (isBefore(message, start)) continue;
      received += 1;
      yield { t: 'message', message: stored(message) };
      if (!caughtUp && (message.info.pending === 0 || received >= first)) {
        caughtUp = true;
        yield { t: 'caught-up' };
      }
    }
  } finally {
    ended.removeEventListener('abort', end);
    end();
  }
}

const subscriptionPending = (info: { num_pending: number; delivered: { consumer_seq: number } }): number => info.num_pending + info.delivered.consumer_seq;

function consumerFor(stream: string, start: FollowStart): ConsumerOptsBuilder {
  const options = consumerOpts();
  options.orderedConsumer();
  options.bindStream(stream);
  switch (start.t) {
    case 'all':
      return options.deliverAll();
    case 'new':
      return options.deliverNew();
    case 'sequence':
      return options.startSequence(Math.max(1, start.sequence));
    case 'time':
      return options.startTime(start.time);
    case 'last-per-subject':
      return options.deliverLastPerSubject();
  }
}

function isBefore(message: JsMsg, start: FollowStart): boolean {
  if (start.t === 'sequence') return message.seq < start.sequence;
  if (start.t === 'time') return message.info.timestampNanos / 1e6 < start.time.getTime() - 1;
  return false;
}

function stored(message: JsMsg): StoredMessage {
  return {
    subject: message.subject,
    sequence: message.seq,
    time: new Date(message.info.timestampNanos / 1e6),
    headers: headerMap(message.headers),
    data: message.data,
  };
}

/** The first value of each header. */
export function headerMap(headers: Iterable<[string, string[]]> | undefined): ReadonlyMap<string, string> {
  return new Map([...(headers ?? [])].map(([name, values]) => [name, values[0] ?? '']));
}

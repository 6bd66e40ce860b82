import { sleep } from '@virtmesh/base';
import type { BusSession, EventBus } from './bus.ts';
import type { EventLog } from './log.ts';
import {
  type ConsumerStart,
  PushConsumer,
  startAtAll,
  startAtLastPerSubject,
  startAtSequence,
  startAtTime,
  type StoredMessage,
} from './push-consumer.ts';

/** Where a reader begins. */
export type FollowStart =
  | { readonly t: 'all' }
  /** With what comes from now on. */
  | { readonly t: 'new' }
  | { readonly t: 'sequence'; readonly sequence: number }
  | { readonly t: 'time'; readonly time: Date }
  /** With the last message of each subject; done again at each connection. */
  | { readonly t: 'last-per-subject' };

/** What a reader gets: messages in order, word when it has all that were there at (each) begin, and what it can no longer get. */
export type Followed = { readonly t: 'message'; readonly message: StoredMessage } | { readonly t: 'caught-up' } | LostMessages;

/** Messages that went before they could be read. */
export interface LostMessages {
  readonly t: 'lost';
  /** The stream no longer has these sequences; undefined where it is another stream, made anew. Which subjects they had is not known. */
  readonly sequences: { readonly first: number; readonly last: number } | undefined;
}

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

const retryMs = 250;

/**
 * Reads a stream in order, without repeat over any number of connections, until the signal. A hole, where the stream was
 * trimmed beyond the reader's place or made anew, is told before what comes after it.
 */
export async function* follow(options: FollowOptions, signal: AbortSignal): AsyncGenerator<Followed> {
  let { start } = options;
  let created: string | undefined;
  let told = '';
  while (!signal.aborted) {
    try {
      const session = await options.bus.session(signal);
      await options.ensure(session);
      const anchor = await anchored(session, options.stream, start, created);
      ({ created, start } = anchor);
      if (anchor.lost) yield anchor.lost;
      for await (const followed of readSession(session, options, start, signal)) {
        if (followed.t === 'message' && start.t !== 'last-per-subject') start = { t: 'sequence', sequence: followed.message.sequence + 1 };
        yield followed;
      }
    } catch (thrown) {
      if (signal.aborted) return;
      if (options.bus.status.t === 'closed') throw thrown;
      const error = String(thrown);
      if (error !== told)
        options.log.warn(
          { stream: options.stream, filter: options.filter, error },
          'reading the stream was interrupted; going on where it stood',
        );
      told = error;
    }
    await sleep(retryMs * (0.5 + Math.random()), signal).catch(() => undefined);
  }
}

interface Anchor {
  readonly start: FollowStart;
  /** When the stream was made: another time is another stream. */
  readonly created: string;
  readonly lost?: LostMessages;
}

/** `new` as a sequence, so that an early interruption loses nothing; the first there is where the place in the stream has gone. */
async function anchored(session: BusSession, stream: string, start: FollowStart, before: string | undefined): Promise<Anchor> {
  const { created, state } = await session.jsm.streams.info(stream);
  if (start.t === 'new') return { start: { t: 'sequence', sequence: state.last_seq + 1 }, created };
  if (start.t !== 'sequence') return { start, created };
  const sequence = Math.max(1, start.sequence);
  const isAnother = before !== undefined && before !== created;
  if (isAnother || sequence > state.last_seq + 1) return { start: { t: 'all' }, created, lost: { t: 'lost', sequences: undefined } };
  if (sequence >= state.first_seq) return { start, created };
  const sequences = { first: sequence, last: state.first_seq - 1 };
  return { start: { t: 'sequence', sequence: state.first_seq }, created, lost: { t: 'lost', sequences } };
}

async function* readSession(
  session: BusSession,
  options: FollowOptions,
  start: FollowStart,
  signal: AbortSignal,
): AsyncGenerator<Followed> {
  const consumer = await PushConsumer.open(session, options.stream, options.filter, consumerStart(start));
  let caughtUp = consumer.initially === 0;
  if (caughtUp) yield { t: 'caught-up' };
  let received = 0;
  for await (const { message, pending } of consumer.read(signal)) {
    received += 1;
    yield { t: 'message', message };
    if (!caughtUp && (pending === 0 || received >= consumer.initially)) {
      caughtUp = true;
      yield { t: 'caught-up' };
    }
  }
}

function consumerStart(start: FollowStart): ConsumerStart {
  switch (start.t) {
    case 'all':
      return startAtAll;
    case 'new':
      throw new TypeError('a new start is anchored to a sequence first');
    case 'sequence':
      return startAtSequence(start.sequence);
    case 'time':
      return startAtTime(start.time);
    case 'last-per-subject':
      return startAtLastPerSubject;
  }
}

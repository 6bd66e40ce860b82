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

const retryMs = 250;

/** Reads a stream in order, without repeat or hole over any number of connections, until the signal. */
export async function* follow(options: FollowOptions, signal: AbortSignal): AsyncGenerator<Followed> {
  let start = options.start;
  let told = '';
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

/** `new` as a sequence, so that an early interruption loses nothing; the begin where a stream was made anew meanwhile. */
async function anchored(session: BusSession, stream: string, start: FollowStart): Promise<FollowStart> {
  if (start.t !== 'new' && start.t !== 'sequence') return start;
  const last = (await session.jsm.streams.info(stream)).state.last_seq;
  if (start.t === 'new') return { t: 'sequence', sequence: last + 1 };
  return start.sequence > last + 1 ? { t: 'all' } : start;
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

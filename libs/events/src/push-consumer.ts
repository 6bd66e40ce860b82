import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  isFlowControlMsg,
  isHeartbeatMsg,
  type Msg,
  nanos,
  createInbox,
  type Subscription,
} from 'nats';
import type { BusSession } from './bus.ts';

/** A message of a stream. */
export interface StoredMessage {
  readonly subject: string;
  readonly sequence: number;
  readonly time: Date;
  readonly headers: ReadonlyMap<string, string>;
  readonly data: Uint8Array;
}

/** A message, and how many more there were when it was sent. */
export interface PushedMessage {
  readonly message: StoredMessage;
  readonly pending: number;
}

export type ConsumerStart = Pick<ConsumerConfig, 'deliver_policy' | 'opt_start_seq' | 'opt_start_time'>;

export const startAtSequence = (sequence: number): ConsumerStart => ({
  deliver_policy: DeliverPolicy.StartSequence,
  opt_start_seq: Math.max(1, sequence),
});
export const startAtTime = (time: Date): ConsumerStart => ({ deliver_policy: DeliverPolicy.StartTime, opt_start_time: time.toISOString() });
export const startAtAll: ConsumerStart = { deliver_policy: DeliverPolicy.All };
export const startAtLastPerSubject: ConsumerStart = { deliver_policy: DeliverPolicy.LastPerSubject };

const heartbeatMs = 5_000;
const silenceMs = 3 * heartbeatMs;

/**
 * A consumer of a stream for one reader: it lives as long as it is read and remembers nothing, and the server sends no
 * faster than it is read. It throws at the first sign that a message is missing; whoever reads makes another one.
 */
export class PushConsumer {
  readonly #session: BusSession;
  readonly #messages: Subscription;
  /** How many messages there were at its begin. */
  readonly initially: number;

  private constructor(session: BusSession, messages: Subscription, initially: number) {
    this.#session = session;
    this.#messages = messages;
    this.initially = initially;
  }

  static async open(session: BusSession, stream: string, filter: string, start: ConsumerStart): Promise<PushConsumer> {
    const inbox = createInbox(session.inboxPrefix);
    const messages = session.connection.subscribe(inbox);
    try {
      const info = await session.jsm.consumers.add(stream, {
        ...start,
        filter_subject: filter,
        // oxlint-disable-next-line typescript/no-deprecated -- what is pushed comes without a question first, and so sooner
        deliver_subject: inbox,
        ack_policy: AckPolicy.None,
        max_deliver: 1,
        flow_control: true,
        idle_heartbeat: nanos(heartbeatMs),
        mem_storage: true,
        num_replicas: 1,
      });
      return new PushConsumer(session, messages, info.num_pending + info.delivered.consumer_seq);
    } catch (thrown) {
      messages.unsubscribe();
      throw thrown;
    }
  }

  /** The messages in order, until the signal or the end of the connection. */
  async *read(signal: AbortSignal): AsyncGenerator<PushedMessage> {
    const end = (): void => this.#messages.unsubscribe();
    const ended = AbortSignal.any([signal, this.#session.signal]);
    ended.addEventListener('abort', end, { once: true });
    if (ended.aborted) end();
    let silent = false;
    const timer = setTimeout(() => {
      silent = true;
      end();
    }, silenceMs);
    let delivered = 0;
    try {
      for await (const message of this.#messages) {
        timer.refresh();
        if (isFlowControlMsg(message)) message.respond();
        else if (isHeartbeatMsg(message)) this.#check(message, delivered);
        else {
          const pushed = parse(message);
          delivered += 1;
          if (pushed.delivery !== delivered) throw new Error(`messages ${delivered} to ${pushed.delivery - 1} of a consumer are missing`);
          yield pushed;
        }
      }
      if (silent) throw new Error(`the server has not given a sign of life for ${silenceMs / 1000} s`);
    } finally {
      clearTimeout(timer);
      ended.removeEventListener('abort', end);
      end();
    }
  }

  /** A heartbeat says what was sent last, and whether the server waits for a word before it sends on. */
  #check(message: Msg, delivered: number): void {
    const stalled = message.headers?.get('Nats-Consumer-Stalled');
    if (stalled) this.#session.connection.publish(stalled);
    const last = Number(message.headers?.get('Nats-Last-Consumer') ?? delivered);
    if (last !== delivered) throw new Error(`messages ${delivered + 1} to ${last} of a consumer are missing`);
  }
}

/** What the reply subject says of a message: `$JS.ACK.[domain.account.]stream.consumer.delivered.sequence.delivery.time.pending[.random]`. */
function parse(message: Msg): PushedMessage & { readonly delivery: number } {
  const tokens = (message.reply ?? '').split('.');
  const [sequence, delivery, time, pending] = tokens.length === 9 ? tokens.slice(5) : tokens.slice(7);
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK' || pending === undefined)
    throw new Error(`a message on ${message.subject} did not come from a stream`);
  return {
    message: {
      subject: message.subject,
      sequence: Number(sequence),
      time: new Date(Number(time) / 1e6),
      headers: headerMap(message.headers),
      data: message.data,
    },
    delivery: Number(delivery),
    pending: Number(pending),
  };
}

/** The first value of each header. */
export function headerMap(headers: Iterable<[string, string[]]> | undefined): ReadonlyMap<string, string> {
  return new Map([...(headers ?? [])].map(([name, values]) => [name, values[0] ?? '']));
}

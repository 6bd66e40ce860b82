import type { EventBus } from './bus.ts';
import { type CloudEvent, decodeCloudEvent } from './cloud-event.ts';
import { type EventBody, readBody } from './event-message.ts';
import { follow, type FollowStart, type LostMessages } from './follow.ts';
import type { EventLog } from './log.ts';
import { allEvents, type EventKind, eventStreamName, eventSubject, parseEventSubject } from './subjects.ts';

/** An event as it came from NATS. */
export interface ReceivedEvent {
  /** Its place in the stream: begin after it to go on. */
  readonly sequence: number;
  readonly kind: EventKind;
  readonly node: string;
  readonly event: CloudEvent;
  readonly body: EventBody;
}

export interface SubscribeOptions {
  readonly bus: EventBus;
  readonly log: EventLog;
  /** Only events of this kind. */
  readonly kind?: EventKind;
  /** Only events of this node. */
  readonly node?: string;
  /** Where to begin. */
  readonly from: Exclude<FollowStart, { t: 'last-per-subject' }>;
  /** Told, before the next event, of messages that the stream no longer has: the state that they told of must be read anew. */
  readonly onLost?: (lost: LostMessages) => void;
}

/**
 * The events of the stream in order, over any number of reconnections, until the signal; a hole is told. A stream that is not there yet is
 * waited for: who publishes makes it. What is not an event of virtmesh is left out.
 */
export async function* subscribeEvents(options: SubscribeOptions, signal: AbortSignal): AsyncGenerator<ReceivedEvent> {
  const filter = options.kind || options.node ? eventSubject(options.kind, options.node) : allEvents;
  const source = follow(
    {
      bus: options.bus,
      log: options.log,
      stream: eventStreamName,
      filter,
      start: options.from,
      ensure: (session) => session.jsm.streams.info(eventStreamName),
    },
    signal,
  );
  for await (const followed of source) {
    if (followed.t === 'lost') {
      options.log.warn({ filter, ...followed.sequences }, 'messages of the stream went before they were read; going on with what is there');
      options.onLost?.(followed);
    }
    if (followed.t !== 'message') continue;
    const { subject, sequence, headers, data } = followed.message;
    const about = parseEventSubject(subject);
    if (!about) continue;
    let received: ReceivedEvent;
    try {
      const event = decodeCloudEvent({ headers, data });
      received = { sequence, ...about, event, body: readBody(about.kind, event) };
    } catch (thrown) {
      options.log.warn({ subject, sequence, error: String(thrown) }, 'a message of the stream cannot be read and is left out');
      continue;
    }
    yield received;
  }
}

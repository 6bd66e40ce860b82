import { DiscardPolicy, nanos, RetentionPolicy, StorageType, type StreamConfig } from 'nats';
import { apiErrorCode, apiErrorOf } from './api-error.ts';
import type { BusSession } from './bus.ts';
import { allEvents, eventStreamName } from './subjects.ts';

/** Limits of the stream, given to it at its making; later an operator may change them with the tools of NATS. */
export interface EventStreamLimits {
  /** How long events are kept, in milliseconds; 7 days if left out. */
  readonly maxAgeMs?: number;
  /** How many bytes of events are kept; 1 GiB if left out. */
  readonly maxBytes?: number;
  /** Within which time NATS itself drops a message that it has, in milliseconds; 2 minutes if left out. */
  readonly duplicateWindowMs?: number;
  /** On how many servers of the cluster each event is kept; 1 if left out. */
  readonly replicas?: number;
}

/** Makes the stream of events if it is absent, and refuses to use one that cannot keep events in order. */
export function ensureEventStream(session: BusSession, limits: EventStreamLimits = {}): Promise<void> {
  return session.once('stream', async () => check(await read(session, limits)));
}

async function read(session: BusSession, limits: EventStreamLimits): Promise<StreamConfig> {
  try {
    return (await session.jsm.streams.info(eventStreamName)).config;
  } catch (thrown) {
    if (apiErrorOf(thrown) !== apiErrorCode.streamNotFound) throw thrown;
  }
  const maxAgeMs = limits.maxAgeMs ?? 7 * 24 * 3_600_000;
  try {
    const made = await session.jsm.streams.add({
      name: eventStreamName,
      description: 'Events of virtmesh, one subject per kind and node',
      subjects: [allEvents],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      discard: DiscardPolicy.Old,
      max_age: nanos(maxAgeMs),
      max_bytes: limits.maxBytes ?? 1024 ** 3,
      duplicate_window: nanos(Math.min(limits.duplicateWindowMs ?? 120_000, maxAgeMs)),
      num_replicas: limits.replicas ?? 1,
      allow_direct: true,
    });
    return made.config;
  } catch (thrown) {
    // Another replica made it meanwhile.
    if (apiErrorOf(thrown) !== apiErrorCode.streamNameInUse) throw thrown;
    return (await session.jsm.streams.info(eventStreamName)).config;
  }
}

function check(config: StreamConfig): void {
  const wrong = [
    config.subjects.includes(allEvents) ? undefined : `its subjects are ${config.subjects.join(', ')} and lack ${allEvents}`,
    config.retention === RetentionPolicy.Limits ? undefined : `its retention is ${config.retention} and must be limits`,
    config.storage === StorageType.File ? undefined : `its storage is ${config.storage} and must be file`,
    config.discard === DiscardPolicy.Old ? undefined : `its discard policy is ${config.discard} and must be old`,
    (config.max_msgs_per_subject ?? -1) <= 0 ? undefined : 'it limits the messages of a subject',
    config.no_ack ? 'it does not acknowledge' : undefined,
    config.sealed ? 'it is sealed' : undefined,
  ].filter((words) => words !== undefined);
  if (wrong.length > 0)
    throw new Error(
      `the JetStream stream ${eventStreamName} cannot keep events: ${wrong.join('; ')}. Correct it, or remove it so that it is made anew`,
    );
}

import { type KV, StorageType } from 'nats';
import { apiErrorCode, apiErrorOf } from './api-error.ts';
import type { BusSession, EventBus } from './bus.ts';
import { follow } from './follow.ts';
import type { EventLog } from './log.ts';

/** One key of a bucket as it was last written. */
export interface BucketEntry {
  readonly key: string;
  readonly value: Uint8Array;
  /** Grows with every write to the bucket. */
  readonly revision: number;
  /** Whether the key was removed; the value is then empty. */
  readonly removed: boolean;
  readonly time: Date;
}

export interface BucketOptions {
  readonly bus: EventBus;
  readonly log: EventLog;
  readonly name: string;
  readonly description: string;
  readonly replicas?: number;
  /** Whether the bucket must be there already, because this user may not make one. */
  readonly mustExist?: boolean;
}

/** A bucket of the NATS key-value store, made if absent. Each call waits for a connection. */
export class Bucket {
  readonly #options: BucketOptions;
  readonly #prefix: string;

  constructor(options: BucketOptions) {
    this.#options = options;
    this.#prefix = `$KV.${options.name}.`;
  }

  async get(key: string, signal: AbortSignal): Promise<BucketEntry | undefined> {
    const kv = await this.#kv(signal);
    const entry = await kv.get(key);
    return entry
      ? { key, value: entry.value, revision: entry.revision, removed: entry.operation !== 'PUT', time: entry.created }
      : undefined;
  }

  /** Writes a key, whatever it was; answers its revision. */
  async put(key: string, value: Uint8Array, signal: AbortSignal): Promise<number> {
    return (await this.#kv(signal)).put(key, value);
  }

  /** Writes a key whose last revision is as expected (0: it was never written); `conflict` where it is not. */
  async update(key: string, value: Uint8Array, revision: number, signal: AbortSignal): Promise<number | 'conflict'> {
    const kv = await this.#kv(signal);
    return conflictOr(() => kv.put(key, value, { previousSeq: revision }));
  }

  /** Removes a key whose last revision is as expected. */
  async remove(key: string, revision: number, signal: AbortSignal): Promise<'removed' | 'conflict'> {
    const kv = await this.#kv(signal);
    const outcome = await conflictOr(() => kv.delete(key, { previousSeq: revision }));
    return outcome === 'conflict' ? 'conflict' : 'removed';
  }

  /** Forgets for good the keys that were removed before a time. */
  async forgetRemoved(entries: readonly BucketEntry[], before: Date, signal: AbortSignal): Promise<void> {
    const session = await this.#options.bus.session(signal);
    for (const entry of entries) {
      if (!entry.removed || entry.time >= before || signal.aborted) continue;
      // Up to the removal only, so that a later write stays.
      await session.jsm.streams.purge(`KV_${this.#options.name}`, { filter: this.#prefix + entry.key, seq: entry.revision + 1 });
    }
  }

  /** The entries that are there, word that these were all, then each change; all of it anew at each connection. */
  async *watch(signal: AbortSignal): AsyncGenerator<{ readonly t: 'entry'; readonly entry: BucketEntry } | { readonly t: 'caught-up' }> {
    const source = follow(
      {
        bus: this.#options.bus,
        log: this.#options.log,
        stream: `KV_${this.#options.name}`,
        filter: `${this.#prefix}>`,
        start: { t: 'last-per-subject' },
        ensure: (session) => this.#ensure(session),
      },
      signal,
    );
    for await (const followed of source) {
      if (followed.t === 'caught-up') yield followed;
      if (followed.t !== 'message') continue;
      const { subject, data, sequence, headers, time } = followed.message;
      const entry = {
        key: subject.slice(this.#prefix.length),
        value: data,
        revision: sequence,
        removed: headers.has('KV-Operation'),
        time,
      };
      yield { t: 'entry', entry };
    }
  }

  async #kv(signal: AbortSignal): Promise<KV> {
    return this.#ensure(await this.#options.bus.session(signal));
  }

  #ensure(session: BusSession): Promise<KV> {
    const { name, description, replicas, mustExist } = this.#options;
    return session.once(`bucket ${name}`, () => {
      if (mustExist) return session.js.views.kv(name, { bindOnly: true });
      return session.js.views.kv(name, { description, history: 1, storage: StorageType.File, replicas: replicas ?? 1 });
    });
  }
}

async function conflictOr<T>(write: () => Promise<T>): Promise<T | 'conflict'> {
  try {
    return await write();
  } catch (thrown) {
    if (apiErrorOf(thrown) === apiErrorCode.wrongLastSequence) return 'conflict';
    throw thrown;
  }
}

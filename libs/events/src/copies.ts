import { sleep } from '@virtmesh/base';
import type { EventBus } from './bus.ts';
import { Bucket, type BucketEntry } from './bucket.ts';
import type { EventLog } from './log.ts';

/** What a service last knew of an object: a copy, never the truth. */
export interface Copy {
  readonly node: string;
  readonly uid: string;
  /** The journal's epoch and number that the copy is true for. */
  readonly epoch: string;
  readonly number: bigint;
  /** The object, encoded as protobuf. */
  readonly body: Uint8Array;
}

/** A change to be written. */
type Change =
  | {
      readonly t: 'put';
      readonly copy: Copy;
      /** Read from the node just now, so that even a removal may be taken back. */ readonly authoritative: boolean;
    }
  | { readonly t: 'remove' };

interface Stored {
  /** The revision of the bucket's entry. */
  readonly revision: number;
  /** What the copy is true for; undefined for a removed one. */
  readonly point: Pick<Copy, 'epoch' | 'number'> | undefined;
}

const concurrency = 32;
/** What changes often is written once, and never in the way of the event that tells of the change. */
const settleMs = 100;
const firstRetryMs = 250;
const maxRetryMs = 10_000;
const forgetRemovedAfterMs = 3_600_000;

/**
 * Keeps the last-known copies of one kind of object in a bucket, behind the changes: of many changes of one object only the
 * last is written, and what is not yet written is bounded by the number of objects. A newer copy is never overwritten by an
 * older one, whoever writes it.
 */
export class CopyStore {
  readonly #bucket: Bucket;
  readonly #log: EventLog;
  /** What the bucket has under each key, as last seen. */
  readonly #stored = new Map<string, Stored>();
  readonly #dirty = new Map<string, Change>();
  #wake = Promise.withResolvers<void>();
  #idle = Promise.withResolvers<void>();

  constructor(options: { bus: EventBus; log: EventLog; bucket: string; description: string; replicas?: number }) {
    this.#log = options.log;
    this.#bucket = new Bucket({
      bus: options.bus,
      log: options.log,
      name: options.bucket,
      description: options.description,
      ...(options.replicas ? { replicas: options.replicas } : {}),
    });
    this.#idle.resolve();
  }

  /** All copies. Waits for a connection. */
  async load(signal: AbortSignal): Promise<Copy[]> {
    const copies = new Map<string, Copy>();
    const removed: BucketEntry[] = [];
    for await (const item of this.#bucket.watch(signal)) {
      if (item.t === 'caught-up') break;
      const { entry } = item;
      const copy = this.#saw(entry);
      copies.delete(entry.key);
      if (entry.removed) removed.push(entry);
      else if (copy) copies.set(entry.key, copy);
      else this.#log.warn({ key: entry.key }, 'a last-known copy in NATS cannot be read and is left out');
    }
    signal.throwIfAborted();
    // Only tidies up: what stays now is forgotten by a later load.
    const forgotten = this.#bucket.forgetRemoved(removed, new Date(Date.now() - forgetRemovedAfterMs), signal);
    await forgotten.catch((thrown: unknown) =>
      this.#log.warn({ error: String(thrown) }, 'the keys of removed copies could not be forgotten'),
    );
    return [...copies.values()];
  }

  /**
   * Will write a copy, unless the store is known to have it. With `authoritative` it was read from the node itself just now,
   * so that a removal or another epoch gives way.
   */
  put(copy: Copy, authoritative: boolean): void {
    const there = this.#stored.get(keyOf(copy))?.point;
    if (there?.epoch === copy.epoch && there.number === copy.number && !this.#dirty.has(keyOf(copy))) return;
    this.#enqueue(keyOf(copy), { t: 'put', copy, authoritative });
  }

  /** Will remove the copy of an object that no longer exists. */
  remove(object: { readonly node: string; readonly uid: string }): void {
    this.#enqueue(keyOf(object), { t: 'remove' });
  }

  /** How many objects' changes are not yet written. */
  get unwritten(): number {
    return this.#dirty.size;
  }

  /** Settles when all is written. */
  idle(): Promise<void> {
    return this.#idle.promise;
  }

  /** Writes changes as they come, until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    let retryMs = firstRetryMs;
    const onAbort = (): void => this.#wake.resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    while (!signal.aborted) {
      const batch = [...this.#dirty].slice(0, concurrency);
      if (batch.length === 0) {
        this.#idle.resolve();
        await this.#wake.promise;
        this.#wake = Promise.withResolvers();
        await sleep(settleMs, signal).catch(() => undefined);
        continue;
      }
      const results = await Promise.allSettled(batch.map(([key, change]) => this.#write(key, change, signal)));
      const failure = results.find((result) => result.status === 'rejected');
      if (!failure) {
        retryMs = firstRetryMs;
        continue;
      }
      if (signal.aborted) break;
      this.#log.warn({ error: String(failure.reason), unwritten: this.#dirty.size }, 'last-known copies could not be written; trying on');
      await sleep(retryMs * (0.5 + Math.random()), signal).catch(() => undefined);
      retryMs = Math.min(retryMs * 2, maxRetryMs);
    }
    signal.removeEventListener('abort', onAbort);
  }

  #enqueue(key: string, change: Change): void {
    const waiting = this.#dirty.get(key);
    // What was read from the node itself stays so when a later change takes its place before it is written.
    const authoritative = waiting?.t === 'put' && waiting.authoritative;
    this.#dirty.set(key, change.t === 'put' && authoritative ? { ...change, authoritative } : change);
    if (this.#dirty.size === 1) this.#idle = Promise.withResolvers();
    this.#wake.resolve();
  }

  async #write(key: string, change: Change, signal: AbortSignal): Promise<void> {
    for (;;) {
      const outcome = await this.#tryWrite(key, change, signal);
      if (outcome !== 'conflict') break;
      const present = await this.#bucket.get(key, signal);
      if (present) this.#saw(present);
      else this.#stored.delete(key);
      if (present && !givesWay(present, change)) break;
    }
    // Only if no newer change came meanwhile.
    if (this.#dirty.get(key) === change) this.#dirty.delete(key);
  }

  async #tryWrite(key: string, change: Change, signal: AbortSignal): Promise<'written' | 'conflict'> {
    const revision = this.#stored.get(key)?.revision ?? 0;
    if (change.t === 'remove') {
      // Nothing is known of the key: look first, so as to remove what is really there.
      if (revision === 0) return (await this.#bucket.get(key, signal)) ? 'conflict' : 'written';
      const outcome = await this.#bucket.remove(key, revision, signal);
      if (outcome === 'removed') this.#stored.delete(key);
      return outcome === 'removed' ? 'written' : 'conflict';
    }
    const outcome = await this.#bucket.update(key, encodeCopy(change.copy), revision, signal);
    if (outcome === 'conflict') return 'conflict';
    this.#stored.set(key, { revision: outcome, point: change.copy });
    return 'written';
  }

  #saw(entry: BucketEntry): Copy | undefined {
    const copy = entry.removed ? undefined : decodeCopy(entry);
    this.#stored.set(entry.key, { revision: entry.revision, point: copy });
    return copy;
  }
}

/** Whether what is in the bucket gives way to a change. */
function givesWay(present: BucketEntry, change: Change): boolean {
  if (change.t === 'remove') return !present.removed;
  // A uid is never given again, so whoever writes it after its removal lags.
  if (present.removed) return change.authoritative;
  const there = decodeCopy(present);
  if (!there) return true;
  if (there.epoch !== change.copy.epoch) return change.authoritative;
  return there.number < change.copy.number;
}

const keyOf = (object: { readonly node: string; readonly uid: string }): string => `${object.node}.${object.uid}`;

/** A line of JSON that says what the copy is true for, then the object. */
function encodeCopy(copy: Copy): Uint8Array {
  return Buffer.concat([Buffer.from(`${JSON.stringify({ epoch: copy.epoch, number: copy.number.toString() })}\n`), copy.body]);
}

function decodeCopy(entry: BucketEntry): Copy | undefined {
  const value = Buffer.from(entry.value);
  const end = value.indexOf(0x0a);
  const [node, uid, ...rest] = entry.key.split('.');
  if (end < 0 || !node || !uid || rest.length > 0) return undefined;
  try {
    const { epoch, number } = JSON.parse(value.subarray(0, end).toString('utf8')) as Record<string, unknown>;
    if (typeof epoch !== 'string' || typeof number !== 'string') return undefined;
    return { node, uid, epoch, number: BigInt(number), body: value.subarray(end + 1) };
  } catch {
    return undefined;
  }
}

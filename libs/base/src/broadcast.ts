import { Fault } from './fault.ts';

/** Hands every published value to every subscriber. A subscriber that lags by more than its bound is cut off, never buffered without end. */
export class Broadcast<T> {
  readonly #subscribers = new Set<Subscription<T>>();

  publish(value: T): void {
    for (const subscriber of this.#subscribers) subscriber.push(value);
  }

  /** Values published from now on. The iteration ends with the signal, and throws WATCHER_LAGGED at more than `bound` unread values. */
  subscribe(signal: AbortSignal, bound = 1024): AsyncIterableIterator<T> {
    const end = (): void => subscription.end();
    const subscription = new Subscription<T>(bound, () => {
      this.#subscribers.delete(subscription);
      signal.removeEventListener('abort', end);
    });
    this.#subscribers.add(subscription);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
    return subscription;
  }

  get size(): number {
    return this.#subscribers.size;
  }
}

class Subscription<T> implements AsyncIterableIterator<T> {
  readonly #bound: number;
  readonly #onEnd: () => void;
  #values: T[] = [];
  #waiting: { resolve: (r: IteratorResult<T>) => void; reject: (e: unknown) => void } | undefined;
  #ended = false;
  #fault: Fault | undefined;

  constructor(bound: number, onEnd: () => void) {
    this.#bound = bound;
    this.#onEnd = onEnd;
  }

  push(value: T): void {
    if (this.#ended) return;
    if (this.#waiting) {
      const { resolve } = this.#waiting;
      this.#waiting = undefined;
      resolve({ value, done: false });
      return;
    }
    if (this.#values.length >= this.#bound) {
      this.#fault = new Fault(
        'WATCHER_LAGGED',
        `the reader lags by more than ${this.#bound} messages and was cut off; resume with its last token`,
        { bound: String(this.#bound) },
      );
      this.#values = [];
      this.end();
      return;
    }
    this.#values.push(value);
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd();
    this.#waiting?.resolve({ value: undefined, done: true });
    this.#waiting = undefined;
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#fault) return Promise.reject(this.#fault);
    const value = this.#values.shift();
    if (value !== undefined) return Promise.resolve({ value, done: false });
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  return(): Promise<IteratorResult<T>> {
    this.end();
    this.#values = [];
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

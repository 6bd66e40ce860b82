import { Fault } from './fault.ts';
import { abortFault } from './steps.ts';

interface Waiting {
  readonly start: () => void;
}

/** Runs jobs of one key in order and jobs of different keys beside each other. Waiting jobs of a key are bounded. */
export class KeyedQueue {
  readonly #busy = new Map<string, Waiting[]>();
  readonly #maxWaiting: number;

  constructor(options: { maxWaiting?: number } = {}) {
    this.#maxWaiting = options.maxWaiting ?? 64;
  }

  /** Runs `job` when all earlier jobs of the key have ended. An abort while it waits takes it out of the queue. `always` lets it wait beyond the bound. */
  async run<T>(
    key: string,
    signal: AbortSignal | undefined,
    job: () => Promise<T> | T,
    options: { readonly always?: boolean } = {},
  ): Promise<T> {
    await this.#enter(key, signal, options.always === true);
    try {
      return await job();
    } finally {
      this.#leave(key);
    }
  }

  isBusy(key: string): boolean {
    return this.#busy.has(key);
  }

  #enter(key: string, signal: AbortSignal | undefined, always: boolean): Promise<void> {
    if (signal?.aborted) return Promise.reject(abortFault(signal));
    const waiting = this.#busy.get(key);
    if (waiting === undefined) {
      this.#busy.set(key, []);
      return Promise.resolve();
    }
    if (waiting.length >= this.#maxWaiting && !always) {
      return Promise.reject(
        new Fault(
          'LIMIT_EXCEEDED',
          `${waiting.length} calls already wait for ${key}; retry when some have ended`,
          { object: key, waiting: String(waiting.length) },
          { retryAfterMs: 1000 },
        ),
      );
    }
    return new Promise((resolve, reject) => {
      const entry: Waiting = {
        start: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      const onAbort = (): void => {
        const at = waiting.indexOf(entry);
        if (at >= 0) waiting.splice(at, 1);
        if (signal) reject(abortFault(signal));
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      waiting.push(entry);
    });
  }

  #leave(key: string): void {
    const following = this.#busy.get(key)?.shift();
    if (following) following.start();
    else this.#busy.delete(key);
  }
}

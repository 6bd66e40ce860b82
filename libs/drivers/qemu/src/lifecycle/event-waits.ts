import { abortFault } from '@virtmesh/base';
import type { QmpEvent } from '../qmp/index.ts';

interface Wait {
  /** Answers whether this is what is waited for. */
  offer(event: QmpEvent): boolean;
  fail(thrown: unknown): void;
}

/** Those who wait for something that a guest's monitor tells. */
export class EventWaits {
  readonly #waits = new Set<Wait>();
  #end: unknown;

  /** The next event that a function makes something of. Asked for before the command that brings it about. */
  next<T>(pick: (event: QmpEvent) => T | undefined, signal: AbortSignal): Promise<T> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    if (signal.aborted) return Promise.reject(abortFault(signal));
    const found = new Promise<T>((resolve, reject) => {
      const leave = (): void => {
        this.#waits.delete(wait);
        signal.removeEventListener('abort', onAbort);
      };
      const wait: Wait = {
        offer: (event) => {
          const picked = pick(event);
          if (picked === undefined) return false;
          leave();
          resolve(picked);
          return true;
        },
        fail: (thrown) => {
          leave();
          reject(thrown);
        },
      };
      const onAbort = (): void => wait.fail(abortFault(signal));
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waits.add(wait);
    });
    // Whoever gives up before it comes does not look at it any more.
    found.catch(() => {});
    return found;
  }

  /** Answers whether somebody waited for it. */
  offer(event: QmpEvent): boolean {
    return [...this.#waits].filter((wait) => wait.offer(event)).length > 0;
  }

  /** Nothing more will be told. */
  end(thrown: unknown): void {
    this.#end ??= thrown;
    for (const wait of this.#waits) wait.fail(thrown);
  }
}

import { abortFault } from '@virtmesh/base';

/** A bounded queue between several writers and one reader: who writes into a full one waits. */
export class Mailbox<T> {
  readonly #bound: number;
  readonly #signal: AbortSignal;
  readonly #values: T[] = [];
  readonly #writers: (() => void)[] = [];
  #reader: (() => void) | undefined;
  #failure: { readonly thrown: unknown } | undefined;

  /** The abort of the signal ends all waiting. */
  constructor(bound: number, signal: AbortSignal) {
    this.#bound = bound;
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#wakeAll(), { once: true });
  }

  /** Adds a value when there is room. Rejects at the abort. */
  async put(value: T): Promise<void> {
    while (this.#values.length >= this.#bound && !this.#signal.aborted) await new Promise<void>((resolve) => this.#writers.push(resolve));
    if (this.#signal.aborted) throw abortFault(this.#signal);
    this.#values.push(value);
    this.#wakeReader();
  }

  /** Makes the reader fail when it has read all values. */
  fail(thrown: unknown): void {
    this.#failure ??= { thrown };
    this.#wakeReader();
  }

  /** The next value, or undefined where none came within the time. Rejects at the abort and after `fail`. */
  async take(timeoutMs: number): Promise<T | undefined> {
    let timer: NodeJS.Timeout | undefined;
    let expired = false;
    try {
      while (this.#values.length === 0) {
        if (this.#signal.aborted) throw abortFault(this.#signal);
        if (this.#failure) throw this.#failure.thrown;
        if (expired) return undefined;
        timer ??= setTimeout(() => {
          expired = true;
          this.#wakeReader();
        }, timeoutMs);
        await new Promise<void>((resolve) => {
          this.#reader = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
    }
    const value = this.#values.shift();
    this.#writers.shift()?.();
    return value;
  }

  #wakeReader(): void {
    this.#reader?.();
    this.#reader = undefined;
  }

  #wakeAll(): void {
    this.#wakeReader();
    for (const wake of this.#writers.splice(0)) wake();
  }
}

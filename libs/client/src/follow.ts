import { Fault, sleep } from '@virtmesh/base';
import { backoffMs, isTransient } from './retry.ts';

export interface FollowOptions {
  readonly signal: AbortSignal;
  /** A stream that says nothing for this long is taken for dead. */
  readonly silenceMs: number;
  /** Told of each failure that is made good by another attempt. */
  readonly onRetry?: (fault: Fault, attempt: number) => void;
}

/**
 * Reads a stream that can be resumed, over and over: `open` begins it anew where it was. A transient failure is waited
 * out without end; any other is thrown. Ends when a stream ends by itself, or when the signal is aborted.
 */
export async function* follow<T>(open: (signal: AbortSignal) => AsyncIterable<T>, options: FollowOptions): AsyncGenerator<T> {
  for (let failures = 0; ;) {
    const silence = new Silence(options.silenceMs);
    try {
      for await (const message of open(AbortSignal.any([options.signal, silence.signal]))) {
        failures = 0;
        silence.broken();
        yield message;
        silence.broken();
      }
      return;
    } catch (thrown) {
      if (options.signal.aborted) return;
      const fault = Fault.from(thrown);
      if (!isResumable(fault)) throw fault;
      failures += 1;
      options.onRetry?.(fault, failures);
      await sleep(backoffMs({ initialMs: 100, maxMs: 5_000 }, failures), options.signal).catch(() => undefined);
    } finally {
      silence.over();
    }
    if (options.signal.aborted) return;
  }
}

function isResumable(fault: Fault): boolean {
  return isTransient(fault) || Fault.is(fault, 'NODE_UNREACHABLE', 'WATCHER_LAGGED');
}

/** Aborts a stream that has gone silent. */
class Silence {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(ms: number) {
    this.#timer = setTimeout(
      () => this.#controller.abort(new Fault('SERVER_UNREACHABLE', `the stream said nothing for ${ms / 1000} s`, { why: 'silence' })),
      ms,
    );
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  broken(): void {
    this.#timer.refresh();
  }

  over(): void {
    clearTimeout(this.#timer);
  }
}

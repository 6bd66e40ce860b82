import { abortFault } from '@virtmesh/base';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { Running } from './running.ts';
import { hasEnded } from './states.ts';

/** Progress is shown no more often than this; what matters is shown at once. */
const progressIntervalMs = 100;

/** The operation once it has ended, or as it is after some milliseconds. Rejects at the signal's abort. */
export function waitForEnd(running: Running, signal: AbortSignal, timeoutMs: number): Promise<Operation> {
  if (hasEnded(running.operation.state)) return Promise.resolve(running.operation);
  if (signal.aborted) return Promise.reject(abortFault(signal));
  if (timeoutMs <= 0) return Promise.resolve(running.operation);
  return new Promise((resolve, reject) => {
    const done = (): void => {
      stop();
      signal.removeEventListener('abort', onAbort);
      clearTimeout(timer);
    };
    const answer = (): void => {
      done();
      resolve(running.operation);
    };
    const onAbort = (): void => {
      done();
      reject(abortFault(signal));
    };
    // Longer than a timer can be set means until the end.
    const timer = timeoutMs < 2 ** 31 ? setTimeout(answer, timeoutMs) : undefined;
    const stop = running.onChange(() => {
      if (hasEnded(running.operation.state)) answer();
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * The operation now and at each change, ending with its end. A reader always gets the latest one: what came and went while it
 * was busy is left out, so that nothing piles up for a slow one.
 */
export async function* watchUntilEnd(running: Running, signal: AbortSignal): AsyncGenerator<Operation> {
  for (;;) {
    const shown = running.operation;
    const shownAt = performance.now();
    yield shown;
    if (hasEnded(shown.state)) return;
    await nextChange(running, shown, shownAt + progressIntervalMs, signal);
  }
}

/** Resolves when the operation differs from what was shown: at once in what matters, in mere progress not before a time. */
function nextChange(running: Running, shown: Operation, progressFrom: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(abortFault(signal));
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const done = (): void => {
      stop();
      signal.removeEventListener('abort', onAbort);
      clearTimeout(timer);
    };
    const onAbort = (): void => {
      done();
      reject(abortFault(signal));
    };
    const look = (): void => {
      const { operation } = running;
      if (operation === shown) return;
      const leftMs = differsInProgressOnly(operation, shown) ? progressFrom - performance.now() : 0;
      if (leftMs > 0) {
        timer ??= setTimeout(look, Math.ceil(leftMs));
        return;
      }
      done();
      resolve();
    };
    const stop = running.onChange(look);
    signal.addEventListener('abort', onAbort, { once: true });
    look();
  });
}

function differsInProgressOnly(a: Operation, b: Operation): boolean {
  return a.state === b.state && a.cancelRequested === b.cancelRequested;
}

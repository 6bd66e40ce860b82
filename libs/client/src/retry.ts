import { abortFault, Fault, sleep } from '@virtmesh/base';

export interface RetryPolicy {
  /** How often a call is made at most, the first time included. */
  readonly attempts: number;
  /** The pause after the first failure; it doubles with each further one. */
  readonly initialMs: number;
  readonly maxMs: number;
}

export const defaultRetry: RetryPolicy = { attempts: 5, initialMs: 100, maxMs: 3_000 };

/** Whether the call did not come through, so that another attempt may: the server did not answer, or is leaving. */
export function isTransient(thrown: unknown): thrown is Fault {
  return Fault.is(thrown, 'SERVER_UNREACHABLE', 'SHUTTING_DOWN');
}

/** The pause before attempt number `attempt`, from 1: doubling, and spread so that clients do not come back all at once. */
export function backoffMs(policy: Pick<RetryPolicy, 'initialMs' | 'maxMs'>, attempt: number, random: () => number = Math.random): number {
  return Math.min(policy.maxMs, policy.initialMs * 2 ** (attempt - 1)) * (0.5 + random() / 2);
}

/** Makes a call again while it fails transiently, within its time. `call` gets the milliseconds that are left. */
export async function retrying<T>(
  policy: RetryPolicy,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  call: (leftMs: number) => Promise<T>,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call(Math.max(1, end - performance.now()));
    } catch (thrown) {
      const pause = backoffMs(policy, attempt);
      if (!isTransient(thrown) || attempt >= policy.attempts || performance.now() + pause >= end) throw thrown;
      if (signal?.aborted) throw abortFault(signal);
      await sleep(pause, signal);
    }
  }
}

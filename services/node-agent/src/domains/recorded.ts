import { Fault, sleep } from '@virtmesh/base';
import type { Logger } from '@virtmesh/kit';

const firstRetryMs = 100;
const maxRetryMs = 30_000;

/** Whether a throw says that the store's disk is full or fails, so that what happened may be recorded later. */
export const isDiskFault = (thrown: unknown): thrown is Fault => Fault.is(thrown, 'DISK_EXHAUSTED', 'RECORD_CORRUPT');

/**
 * Records in the store what has happened already. It cannot be taken back, so where the disk has no room this tries again
 * until it has, or until the agent ends: the next life then finds out by looking at the guest.
 */
export async function recorded<T>(work: () => T, log: Logger, signal: AbortSignal): Promise<T> {
  for (let waitMs = firstRetryMs; ; waitMs = Math.min(2 * waitMs, maxRetryMs)) {
    try {
      return work();
    } catch (thrown) {
      if (!isDiskFault(thrown)) throw thrown;
      log.error({ err: thrown, retryMs: waitMs }, 'what happened to a domain cannot be recorded; trying again');
    }
    await sleep(waitMs, signal);
  }
}

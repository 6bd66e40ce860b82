import { setTimeout as delay } from 'node:timers/promises';

/**
 * Asks again until the answer is something, for facts of the outside world that nothing announces: processes, files,
 * interfaces. Rejects after `timeoutMs`, saying what was waited for.
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 30_000,
): Promise<T> {
  for (const end = Date.now() + timeoutMs; ; await delay(20)) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
  }
}

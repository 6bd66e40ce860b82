import { setTimeout as delay } from 'node:timers/promises';
import { isAlive, type ProcessRecord } from './instance.ts';

const graceMs = 20_000;
const lookMs = 50;

/** Ends a process that is not a child of this one: asks it, and kills it if it has not ended in time. */
export async function endProcess(record: ProcessRecord): Promise<void> {
  // The kernel tells only a parent of an end, so there is nothing to wait for but the look.
  for (const [signal, patienceMs] of [
    ['SIGTERM', graceMs],
    ['SIGKILL', 5_000],
  ] as const) {
    if (isAlive(record)) process.kill(record.pid, signal);
    for (let waited = 0; isAlive(record) && waited < patienceMs; waited += lookMs) await delay(lookMs);
  }
}

import { DatabaseSync } from 'node:sqlite';
import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { DomainView } from '@virtmesh/contracts/domain/v1/domain_service';
import { foreignFiles, isAlive } from '../support/host-traces.ts';
import type { TestSystem } from '../support/system.ts';
import type { TestClient } from '../support/test-client.ts';
import { guestDirectories } from './run-directory.ts';

/**
 * What the agent says that is not so on the host, or is half done: a guest that runs where none should or does not where it
 * should, a job that nobody is at, what is left of a guest that has ended. Nothing may be under way.
 */
export async function disagreements(system: TestSystem, client: TestClient): Promise<string[]> {
  const wrong: string[] = [];
  const { domains } = await client.list({ pageSize: 1000, view: DomainView.FULL });
  const active = domains.filter(({ status }) => status?.state === DomainState.RUNNING || status?.state === DomainState.PAUSED);
  for (const { activeSpec, name, status, uid } of domains) {
    const runs = active.some((domain) => domain.uid === uid);
    if (status?.job !== '') wrong.push(`${name} has the job ${status?.job}`);
    if (!runs && status?.state !== DomainState.SHUTOFF) wrong.push(`${name} has the state ${status?.state}: ${status?.message}`);
    if (runs !== (activeSpec !== undefined)) wrong.push(`${name} ${runs ? 'has no' : 'has an'} active definition`);
    if (runs && !(await isAlive(Number(status?.pid)))) wrong.push(`${name} runs, and its process ${status?.pid} does not`);
    if (!runs) wrong.push(...(await system.traces(uid)));
  }
  const directories = (await guestDirectories(system.runDir)).filter((directory) => !active.some(({ uid }) => uid === directory));
  wrong.push(...directories.map((directory) => `nothing runs in ${directory}`));
  if (active.length === 0) wrong.push(...(await foreignFiles(system.disks)).map((file) => `${file} was not given back to its owner`));
  return wrong;
}

/** What the store of an agent that is dead keeps of guests and of operations that have not ended. */
export function storedLeftovers(system: TestSystem): string[] {
  const store = new DatabaseSync(`${system.stateDir}/agent.db`);
  try {
    const runtimes = store.prepare(`SELECT uid FROM runtimes WHERE uid NOT LIKE 'host:%'`).all();
    const operations = store.prepare('SELECT id FROM operations WHERE done_time IS NULL').all();
    return [...runtimes.map(({ uid }) => `runtime ${String(uid)}`), ...operations.map(({ id }) => `operation ${String(id)}`)];
  } finally {
    store.close();
  }
}

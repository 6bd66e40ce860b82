import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { idleMachine } from '../../support/domain-specs.ts';
import { TestSystem } from '../../support/system.ts';

/** What the agent and the control plane say of the node's domains. */
async function views(system: TestSystem): Promise<{ readonly agent: string[]; readonly fleet: string[] }> {
  const [agent, fleet] = await Promise.all(
    (['agent', 'fleet'] as const).map(async (scope) => {
      const { domains } = await (await system.client(scope)).list({ pageSize: 1000 });
      return domains.map(({ autostart, labels, name, revision, uid }) => JSON.stringify([name, uid, `${revision}`, autostart, labels]));
    }),
  );
  return { agent: agent ?? [], fleet: fleet ?? [] };
}

const defined = (mark: string) => idleMachine({ labels: { mark } });

/** A node whose store is put back to an older copy, after changes that the copy lacks and with some that come before anybody reads. */
async function restored(changes: { readonly lost: number; readonly beforeRead: number }): Promise<TestSystem> {
  const system = await TestSystem.start({ fleet: true });
  const store = join(system.stateDir, 'agent.db');
  const backup = join(system.disks, 'backup.db');
  const change = async (mark: string, count: number): Promise<void> => {
    const client = await system.client();
    for (let at = 0; at < count; at += 1) await client.create(`${mark}-${at}`, defined(mark));
  };
  try {
    await change('kept', 2);
    await system.agent.kill('SIGTERM');
    await copyFile(store, backup);
    await system.agent.start();
    await change('lost', changes.lost);
    // The control plane has seen what is lost.
    await expect.poll(() => views(system).then(({ agent, fleet }) => [agent, fleet.join() === agent.join()])).toMatchObject([{}, true]);
    const last = (await (await system.client()).list({ pageSize: 1000 })).domains.map(({ revision }) => revision);
    await system.tape.reached(last.reduce((a, b) => (a > b ? a : b)));
    await system.agent.kill('SIGTERM');
    await copyFile(backup, store);
    for (const end of ['-wal', '-shm']) await rm(`${store}${end}`, { force: true });
    const alone = changes.beforeRead > 0;
    if (alone) await system.domainSvc.kill();
    await system.agent.start();
    await change('new', changes.beforeRead);
    if (alone) await system.domainSvc.start();
    return system;
  } catch (thrown) {
    await system[Symbol.asyncDispose]();
    throw thrown;
  }
}

describe('a node whose store was restored from a backup', () => {
  it.each([
    ['and that is read before anything happens on it', { lost: 3, beforeRead: 0 }],
    ['and that has not yet come to where it was', { lost: 4, beforeRead: 1 }],
    ['and that has given as many numbers anew as were lost', { lost: 3, beforeRead: 3 }],
    ['and that has gone beyond where it was', { lost: 2, beforeRead: 6 }],
  ])('%s', async (_how, changes) => {
    await using system = await restored(changes);
    // Who follows the events is told that some are lost.
    const client = await system.client();
    for (const kind of ['domain', 'node'] as const)
      await system.tape.until(`a gap of kind ${kind}`, () =>
        system.tape.events.some((event) => event.kind === kind && event.body.$case === 'gap'),
      );
    await client.create('after', defined('after'));
    await expect
      .poll(() =>
        views(system)
          .then(({ agent, fleet }) => [fleet, agent])
          .then(([fleet, agent]) => JSON.stringify(fleet) === JSON.stringify(agent)),
      )
      .toBe(true);
    const { fleet } = await views(system);
    expect(fleet.filter((line) => line.includes('lost'))).toEqual([]);
    await system.tape.until('what happened after the restore', () =>
      system.tape.domains().some(({ name }) => name.endsWith('/domains/after')),
    );
    // No id is that of two events.
    const ids = system.tape.events.map(({ event }) => event.id);
    expect(new Set(ids).size).toBe(ids.length);
    const epochOf = (ending: string): string | undefined => system.tape.domains().find(({ name }) => name.endsWith(ending))?.context?.epoch;
    expect(epochOf('/domains/after')).not.toBe(epochOf('/domains/lost-0'));
  });
});

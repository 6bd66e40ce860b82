import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { expect, it } from 'vitest';
import { agentLives } from '../testing/agent-lives.ts';
import { atOnce, ended, idOf, never, reasonOf } from '../testing/operation-ends.ts';
import { domainIn, TestAgent } from '../testing/test-agent.ts';
import type { Verbs } from '../testing/verbs.ts';

// What goes wrong with one guest while an agent takes up what an earlier life left holds up nothing else.

let agent: TestAgent;
let verbs: Verbs;
const { begin } = agentLives((life, of) => {
  [agent, verbs] = [life, of];
});

const entry = (id: string) => agent.registry.find(`nodes/n1/domains/${id}`);
const soon = (): AbortSignal => AbortSignal.timeout(10_000);

/** The next life, on a store of which the bytes of some runtime records are damaged. */
async function damaged(...keys: readonly string[]): Promise<void> {
  const before = agent;
  const directory = before.copyStore();
  const database = new DatabaseSync(join(directory, 'agent.db'));
  for (const key of keys) database.prepare("UPDATE runtimes SET record = '{half' WHERE uid = ?").run(key);
  database.close();
  before.world.hooks.clear();
  await begin(TestAgent.start({ world: before.world, bootId: 'boot-2' }, directory));
}

it('a record that cannot be read makes its own guest unknown, which can be destroyed and started again', async () => {
  const bad = domainIn(await verbs.create('bad', { start: true })).uid;
  const good = domainIn(await verbs.create('good', { start: true })).uid;
  await verbs.create('auto', { autostart: true });
  await damaged(`guest:${bad}`);
  expect(entry('bad').domain.status).toMatchObject({ state: DomainState.UNKNOWN });
  expect(entry('bad').domain.status?.message).toContain('is not JSON');
  agent.world.powerOff(good);
  await agent.registry.until(good, ({ state }) => state === 'shutoff', soon());
  await agent.registry.until(entry('auto').guest.uid, ({ state }) => state === 'running', soon());
  expect((await verbs.destroy('bad')).state).toBe(OperationState.SUCCEEDED);
  expect([entry('bad').state, agent.world.guests.has(bad)]).toEqual(['shutoff', false]);
  // The world's side of what could not be given back.
  agent.world.held.delete(bad);
  domainIn(await verbs.start('bad'));
});

it('a request that cannot be read fails its own operation', async () => {
  await verbs.create('bad');
  await verbs.create('good');
  agent.world.hooks.set('reserve', never);
  const [bad, good] = [await verbs.start('bad', atOnce), await verbs.start('good', atOnce)];
  await expect.poll(() => agent.world.held.size).toBe(2);
  await damaged(`operation:${idOf(bad)}`);
  expect(reasonOf(await ended(agent, bad))).toBe('RECORD_CORRUPT');
  expect((await ended(agent, good)).state).toBe(OperationState.SUCCEEDED);
});

it('whatever kept a guest from being taken up, it is tried again', async () => {
  const { uid } = domainIn(await verbs.create('web', { start: true }));
  let tries = 0;
  agent.world.hooks.set('adopt', () => {
    if (++tries < 3) throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
  });
  await begin(agent.kill());
  expect(entry('web').state).toBe('unknown');
  await agent.registry.until(uid, ({ state }) => state === 'running', soon());
  expect(agent.eventNames()).toBe('defined started');
});

it('a saved state that cannot be removed holds up nothing', async () => {
  const saved = join(agent.world.files, 'saved');
  const [stuck, left] = ['a0e9d8c7-0000-4000-8000-000000000000', 'f0e9d8c7-0000-4000-8000-000000000000'];
  mkdirSync(join(saved, stuck), { recursive: true });
  writeFileSync(join(saved, left), 'x');
  await begin(agent.kill());
  await expect.poll(() => readdirSync(saved)).toEqual([stuck]);
});

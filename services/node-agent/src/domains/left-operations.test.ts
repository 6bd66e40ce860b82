import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { describe, expect, it } from 'vitest';
import { agentLives } from '../testing/agent-lives.ts';
import { atOnce, ended, never, reasonOf } from '../testing/operation-ends.ts';
import { domainIn, type TestAgent, testCall } from '../testing/test-agent.ts';
import { plainSpec, type Verbs, verbsOf } from '../testing/verbs.ts';

// Operations whose cancel was asked for before the agent died: the next life takes back what they had begun.

let agent: TestAgent;
let verbs: Verbs;
const { begin, kill } = agentLives((life, of) => {
  [agent, verbs] = [life, of];
});

/** Cancels an operation that hangs, kills the agent, and answers how the operation ended in the next life. */
async function leave({ name }: Operation): Promise<OperationState> {
  const id = name.split('/').at(-1) ?? '';
  agent.context.operations.cancel(id);
  await kill();
  const { state } = await agent.context.operations.wait(id, AbortSignal.timeout(5_000), 5_000);
  await agent.settled();
  return state;
}

describe.each(['reserve', 'spawn'])('an operation that is left at the %s of its guest', (place) => {
  it.each([{ start: true }, { transient: true }])('leaves no domain that it made: %o', async (over) => {
    agent.world.hooks.set(place, never);
    const cut = await verbs.create('web', { ...over, ...atOnce });
    await expect.poll(() => agent.world.held.size).toBe(1);
    expect(await leave(cut)).toBe(OperationState.CANCELLED);
    expect([agent.registry.size, agent.world.guests.size, agent.world.held.size, agent.world.kept.size]).toEqual([0, 0, 0, 0]);
    domainIn(await verbs.create('web', over));
  });

  it('leaves a domain that was there, and none that a restore made', async () => {
    const path = join(agent.world.files, 'state');
    domainIn(await verbs.create('web', { start: true }));
    await verbs.save('web', { path });
    agent.world.hooks.set(place, never);
    const first = await verbs.restore(path, atOnce);
    await expect.poll(() => agent.world.held.size).toBe(1);
    expect(await leave(first)).toBe(OperationState.CANCELLED);
    expect([agent.registry.size, agent.world.guests.size]).toEqual([1, 0]);
    await verbs.delete('web');
    agent.world.hooks.set(place, never);
    const second = await verbs.restore(path, atOnce);
    await expect.poll(() => agent.world.held.size).toBe(1);
    expect(await leave(second)).toBe(OperationState.CANCELLED);
    expect([agent.registry.size, agent.world.guests.size, agent.world.held.size]).toEqual([0, 0, 0]);
    domainIn(await verbs.restore(path));
  });
});

describe('a restore', () => {
  const uid = '7a2e0c7e-0000-4000-8000-000000000002';
  const at = (name: string): string => join(agent.world.files, name);

  /** The state of a domain that is not there any more. */
  async function saved(name: string, spec: ReturnType<typeof plainSpec>): Promise<void> {
    domainIn(await verbs.create('web', { uid, spec, start: true }));
    domainIn(await verbs.save('web', { path: at(name) }));
    await verbs.delete('web');
  }

  it('asks for the role that the file needs which it takes up, not only for that of the one which it was called with', async () => {
    await saved('plain', plainSpec());
    await saved('raw', plainSpec({ qemu: { args: ['-x'] } }));
    await begin(agent.kill({ failpoints: 'restore.begin=sleep(100)' }));
    const restoring = await verbsOf(agent, testCall({ role: 'admin' })).restore(at('plain'), atOnce);
    renameSync(at('raw'), at('plain'));
    expect(reasonOf(await ended(agent, restoring))).toBe('PERMISSION_DENIED');
    expect([agent.registry.size, agent.world.guests.size]).toEqual([0, 0]);
  });

  it('of which a later life cannot know whether its caller may is to be repeated, and leaves nothing', async () => {
    await saved('raw', plainSpec({ qemu: { args: ['-x'] } }));
    agent.world.hooks.set('reserve', never);
    const restoring = await verbs.restore(at('raw'), atOnce);
    await expect.poll(() => agent.world.held.size).toBe(1);
    await kill();
    expect(reasonOf(await ended(agent, restoring))).toBe('OPERATION_PREEMPTED');
    expect([agent.registry.size, agent.world.guests.size, agent.world.held.size, agent.world.kept.size]).toEqual([0, 0, 0, 0]);
    domainIn(await verbs.restore(at('raw')));
  });

  it('whose file has gone when a later life takes it up leaves nothing', async () => {
    await saved('plain', plainSpec());
    agent.world.hooks.set('reserve', never);
    const restoring = await verbs.restore(at('plain'), atOnce);
    await expect.poll(() => agent.world.held.size).toBe(1);
    renameSync(at('plain'), at('elsewhere'));
    await kill();
    expect(reasonOf(await ended(agent, restoring))).toBe('SAVED_STATE_INVALID');
    expect([agent.registry.size, agent.world.guests.size, agent.world.held.size, agent.world.kept.size]).toEqual([0, 0, 0, 0]);
  });
});

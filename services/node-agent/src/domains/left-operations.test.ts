import { join } from 'node:path';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { describe, expect, it } from 'vitest';
import { agentLives } from '../testing/agent-lives.ts';
import { atOnce, never } from '../testing/operation-ends.ts';
import { domainIn, type TestAgent } from '../testing/test-agent.ts';
import type { Verbs } from '../testing/verbs.ts';

// Operations whose cancel was asked for before the agent died: the next life takes back what they had begun.

let agent: TestAgent;
let verbs: Verbs;
const { kill } = agentLives((life, of) => {
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

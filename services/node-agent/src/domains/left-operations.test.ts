import { join } from 'node:path';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mustBeLawful } from '../testing/event-laws.ts';
import { domainIn, TestAgent } from '../testing/test-agent.ts';
import { type Verbs, verbsOf } from '../testing/verbs.ts';

// Operations whose cancel was asked for before the agent died: the next life takes back what they had begun.

let agent: TestAgent;
let verbs: Verbs;
beforeEach(async () => {
  agent = await TestAgent.start();
  verbs = verbsOf(agent);
});
afterEach(async () => {
  mustBeLawful(agent.events());
  await agent[Symbol.asyncDispose]();
});

const atOnce = { wait: { seconds: 0n } };
const never = (): Promise<never> => new Promise(() => {});

/** Cancels an operation that hangs, kills the agent, and answers how the operation ended in the next life. */
async function leave({ name }: Operation): Promise<OperationState> {
  const id = name.split('/').at(-1) ?? '';
  agent.context.operations.cancel(id);
  agent.world.hooks.clear();
  agent = await agent.kill();
  verbs = verbsOf(agent);
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

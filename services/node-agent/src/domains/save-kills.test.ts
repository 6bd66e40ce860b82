import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DomainState, DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { afterEach, describe, expect, it } from 'vitest';
import { mustBeLawful } from '../testing/event-laws.ts';
import { atOnce, ended, idOf } from '../testing/operation-ends.ts';
import { domainIn, TestAgent, type TestAgentOptions } from '../testing/test-agent.ts';
import type { Hook } from '../testing/scripted-world.ts';
import { Gate, plainSpec, type Verbs, verbsOf } from '../testing/verbs.ts';

// From the kill of a guest on, the file is all that is left of its memory: whatever fails then, the save is completed.

let agent: TestAgent;
let verbs: Verbs;
afterEach(async () => {
  mustBeLawful(agent.events());
  await agent[Symbol.asyncDispose]();
});

async function begin(): Promise<string> {
  agent = await TestAgent.start();
  verbs = verbsOf(agent);
  return domainIn(await verbs.create('web', { start: true, spec: plainSpec({ disks: [{ id: 'disk0' }] }) })).uid;
}

/** Ends this life as a kill does; `over` is of the next one, whose hypervisor does what `plan` says. */
async function kill(over: Partial<TestAgentOptions> = {}, plan?: Hook): Promise<void> {
  agent.world.hooks.clear();
  if (plan) agent.world.hooks.set('destroy', plan);
  agent = await agent.kill(over);
  verbs = verbsOf(agent);
}

const status = () => agent.registry.find('nodes/n1/domains/web').domain.status;
const managed = (): string[] => {
  const directory = join(agent.world.files, 'saved');
  return existsSync(directory) ? readdirSync(directory) : [];
};

async function mustBeSaved(uid: string, reason: DomainStateReason = DomainStateReason.SAVED): Promise<void> {
  await agent.settled();
  expect(status()).toMatchObject({ state: DomainState.SHUTOFF, reason, managedSave: true, job: '' });
  expect([managed(), agent.world.guests.size, agent.world.held.size]).toEqual([[uid], 0, 0]);
  expect(agent.context.store.runtimes.all().filter((row) => row.uid.startsWith('file:'))).toEqual([]);
  expect(domainIn(await verbs.start('web')).status?.reason).toBe(DomainStateReason.RESTORED);
}

/** Kills the guest, and fails nevertheless; the next try succeeds. */
const killsAndFails = (uid: string): never => {
  agent.world.hooks.clear();
  agent.world.end(uid, 'destroyed');
  throw new Error('its end was not seen');
};

/** A save whose guest is being killed, and has not ended. */
async function killing(gate: Gate): Promise<Parameters<typeof idOf>[0]> {
  agent.world.hooks.set('destroy', () => gate.wait(''));
  const saving = await verbs.save('web', atOnce);
  await gate.reached;
  return saving;
}

describe('a saved guest that was killed', () => {
  it('is saved though its end was not seen', async () => {
    const uid = await begin();
    agent.world.hooks.set('destroy', killsAndFails);
    expect((await verbs.save('web')).state).toBe(OperationState.SUCCEEDED);
    expect(agent.eventNames()).toBe('defined started suspended stopped');
    await mustBeSaved(uid);
  });

  it('is saved by the next life where the agent ends meanwhile', async () => {
    const uid = await begin();
    const { stopping, store } = agent.engine.parts;
    const close = store.close.bind(store);
    // The drivers are closed before it, which takes a while.
    store.close = () => void setTimeout(close, 100);
    agent.world.hooks.set('destroy', async () => {
      agent.world.end(uid, 'destroyed');
      await new Promise((resolve) => stopping.addEventListener('abort', resolve));
      throw new Error('the agent ends');
    });
    const saving = await verbs.save('web', atOnce);
    await expect.poll(() => agent.world.guests.size).toBe(0);
    await kill();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await ended(agent, saving)).state).toBe(OperationState.SUCCEEDED);
    await mustBeSaved(uid);
  });

  it('is saved by the next life where the save was cancelled meanwhile', async () => {
    const uid = await begin();
    const saving = await killing(new Gate());
    agent.context.operations.cancel(idOf(saving));
    agent.world.guests.delete(uid);
    await kill();
    expect((await ended(agent, saving)).state).toBe(OperationState.SUCCEEDED);
    await mustBeSaved(uid);
  });

  it('is saved by the next life whose own kill fails at first, and whose guest a destroy ends too', async () => {
    const uid = await begin();
    const saving = await killing(new Gate());
    const gate = new Gate();
    await kill({}, () => gate.wait('').then(() => killsAndFails(uid)));
    await gate.reached;
    agent.world.hooks.set('destroy-gracefully', killsAndFails);
    const destroying = verbs.destroy('web');
    gate.open();
    expect((await ended(agent, saving)).state).toBe(OperationState.SUCCEEDED);
    await destroying;
    await mustBeSaved(uid);
  });

  it('is saved by the next life where it ends only after it was taken up', async () => {
    const uid = await begin();
    const saving = await killing(new Gate());
    await kill({ failpoints: 'save.begin=sleep(100)' });
    agent.world.end(uid, 'crashed');
    expect((await ended(agent, saving)).state).toBe(OperationState.SUCCEEDED);
    await mustBeSaved(uid, DomainStateReason.CRASHED);
  });
});

it('the end of an agent waits for that of a saved guest', async () => {
  await begin();
  const gate = new Gate();
  const saving = await killing(gate);
  let isIdle = false;
  const idle = agent.engine.idle().then(() => (isIdle = true));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(isIdle).toBe(false);
  gate.open();
  await idle;
  expect((await ended(agent, saving)).state).toBe(OperationState.SUCCEEDED);
});

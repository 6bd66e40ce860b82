import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DomainState, DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { afterEach, describe, expect, it } from 'vitest';
import { mustBeLawful } from '../testing/event-laws.ts';
import { atOnce, ended, idOf, reasonOf } from '../testing/operation-ends.ts';
import { domainIn, TestAgent } from '../testing/test-agent.ts';
import { Gate, plainSpec, type Verbs, verbsOf } from '../testing/verbs.ts';

let agent: TestAgent;
let verbs: Verbs;
afterEach(async () => {
  mustBeLawful(agent.events());
  await agent[Symbol.asyncDispose]();
});

async function begin(failpoints = ''): Promise<string> {
  agent = await TestAgent.start({ failpoints });
  verbs = verbsOf(agent);
  return domainIn(await verbs.create('web', { start: true, spec: plainSpec({ disks: [{ id: 'disk0' }] }) })).uid;
}
const status = () => agent.registry.find('nodes/n1/domains/web').domain.status;
const managed = (): string[] => {
  const directory = join(agent.world.files, 'saved');
  return existsSync(directory) ? readdirSync(directory) : [];
};

describe('a destroy', () => {
  it('that comes when all is written, but has no name, leaves nothing', async () => {
    await begin('save.written=sleep(100)');
    const saving = await verbs.save('web', atOnce);
    await expect.poll(() => agent.world.calls.filter((call) => call.startsWith('save')).length).toBe(2);
    expect((await verbs.destroy('web')).state).toBe(OperationState.SUCCEEDED);
    expect(reasonOf(await ended(agent, saving))).toBe('OPERATION_PREEMPTED');
    expect(status()).toMatchObject({ reason: DomainStateReason.DESTROYED, managedSave: false });
    expect(managed()).toEqual([]);
  });

  it('that comes while the saved guest is being ended finds it saved, as does a cancel', async () => {
    const uid = await begin();
    const gate = new Gate();
    agent.world.hooks.set('destroy', gate.wait);
    const saving = await verbs.save('web', atOnce);
    await gate.reached;
    agent.context.operations.cancel(idOf(saving));
    agent.world.hooks.clear();
    const destroyed = verbs.destroy('web');
    gate.open();
    expect((await ended(agent, saving)).state).toBe(OperationState.SUCCEEDED);
    expect((await destroyed).state).toBe(OperationState.SUCCEEDED);
    await agent.settled();
    expect(status()).toMatchObject({ state: DomainState.SHUTOFF, reason: DomainStateReason.SAVED, managedSave: true });
    expect(managed()).toEqual([uid]);
    expect(agent.eventNames()).toBe('defined started suspended stopped');
  });
});

describe('a guest whose state is safe', () => {
  it('and cannot be ended at once is ended later: nobody knows whether it would go on', async () => {
    const uid = await begin();
    agent.world.hooks.set('destroy', () => {
      agent.world.hooks.clear();
      throw new Error('it does not react');
    });
    expect((await verbs.save('web')).state).toBe(OperationState.SUCCEEDED);
    await agent.settled();
    expect([managed(), agent.world.guests.size, status()?.reason]).toEqual([[uid], 0, DomainStateReason.SAVED]);
  });

  it('and cannot be given its name goes on, and the file is removed', async () => {
    const uid = await begin('save.record=throw');
    expect((await verbs.save('web')).state).toBe(OperationState.FAILED);
    await agent.settled();
    expect([managed(), agent.world.guest(uid).state, status()?.state]).toEqual([[], 'running', DomainState.RUNNING]);
  });

  it('is saved also where what it held cannot be given back, which the next start does', async () => {
    await begin();
    agent.world.hooks.set('release', () => {
      agent.world.hooks.clear();
      throw new Error('no');
    });
    expect((await verbs.save('web')).state).toBe(OperationState.SUCCEEDED);
    expect(agent.world.held.size).toBe(1);
    expect(domainIn(await verbs.start('web')).status?.reason).toBe(DomainStateReason.RESTORED);
  });

  it('and dies by itself before it is ended is not saved', async () => {
    const uid = await begin('save.written=sleep(100)');
    const saving = await verbs.save('web', atOnce);
    await expect.poll(() => agent.world.calls.filter((call) => call.startsWith('save')).length).toBe(2);
    agent.world.end(uid, 'crashed', 'it fell');
    expect(reasonOf(await ended(agent, saving))).toBe('HYPERVISOR_FAILED');
    expect(status()).toMatchObject({ reason: DomainStateReason.CRASHED, managedSave: false });
    expect([managed(), agent.world.held.size]).toEqual([[], 0]);
  });
});

it('two guests that are saved to one path at once: one is, the other goes on', async () => {
  await begin();
  const other = domainIn(await verbs.create('other', { start: true }));
  const path = join(agent.world.files, 'state');
  const [one, two] = await Promise.all([verbs.save('web', { path }), verbs.save('other', { path })]);
  const states = [one.state, two.state];
  expect(new Set(states)).toEqual(new Set([OperationState.SUCCEEDED, OperationState.FAILED]));
  await agent.settled();
  expect([agent.world.guests.size, readdirSync(agent.world.files)]).toEqual([1, ['state']]);
  expect(reasonOf(one.state === OperationState.FAILED ? one : two)).toBe('RESOURCE_IN_USE');
  const [left] = agent.world.guests.values();
  expect([left?.state, other.uid]).toEqual(['running', other.uid]);
});

it('one request id saves once', async () => {
  await begin();
  const requestId = '5a2e0c7e-0000-4000-8000-000000000001';
  const path = join(agent.world.files, 'state');
  const first = await verbs.save('web', { path, requestId });
  // The path is taken now, but the call has been answered.
  expect(await verbs.save('web', { path, requestId })).toEqual(first);
  const restoreId = '5a2e0c7e-0000-4000-8000-000000000002';
  const restored = await verbs.restore(path, { requestId: restoreId });
  expect(restored.state).toBe(OperationState.SUCCEEDED);
  await agent.engine.parts.files.discard({ t: 'path', path }, 'none', await agent.engine.parts.files.identify({ t: 'path', path }));
  expect(existsSync(path)).toBe(false);
  expect(await verbs.restore(path, { requestId: restoreId })).toEqual(restored);
});

describe('while a device is attached', () => {
  const disk = { device: { device: { $case: 'disk' as const, value: { id: 'disk1' } } } };
  const disks = (): unknown => agent.registry.find('nodes/n1/domains/web').domain.activeSpec?.disks.map(({ id }) => id);

  it('another one that the guest lets go of stays away', async () => {
    const uid = await begin();
    agent.world.hooks.set('settle', async () => {
      agent.world.emit({ t: 'device-removed', uid, device: 'disk0' });
      await new Promise((resolve) => setImmediate(resolve));
    });
    await verbs.attach('web', disk);
    expect(disks()).toEqual(['disk1']);
  });

  it('a guest that ends keeps the change for its next start', async () => {
    const uid = await begin();
    agent.world.hooks.set('settle', async () => {
      agent.world.end(uid, 'shutdown');
      await new Promise((resolve) => setImmediate(resolve));
    });
    const domain = domainIn(await verbs.attach('web', disk));
    await agent.settled();
    expect([domain.spec?.disks.length, disks(), status()?.restartRequired]).toEqual([2, undefined, false]);
    expect(agent.events().some(({ kind }) => kind?.$case === 'device')).toBe(false);
  });
});

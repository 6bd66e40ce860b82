import { randomUUID } from 'node:crypto';
import { Fault } from '@virtmesh/base';
import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mustBeLawful } from '../testing/event-laws.ts';
import { atOnce, ended, idOf, reasonOf } from '../testing/operation-ends.ts';
import { domainIn, TestAgent } from '../testing/test-agent.ts';
import { Gate, type Verbs, verbsOf } from '../testing/verbs.ts';

let agent: TestAgent;
let verbs: Verbs;
let full = false;
beforeEach(async () => {
  full = false;
  agent = await TestAgent.start();
  verbs = verbsOf(agent);
  const { store } = agent.context;
  const commit = store.tx.bind(store);
  let depth = 0;
  // Where SQLite meets a full disk: at the end of the outermost transaction, which it rolls back.
  store.tx = (work) =>
    commit(() => {
      depth += 1;
      try {
        const result = work();
        if (full && depth === 1) throw new Fault('DISK_EXHAUSTED', 'the file system is full');
        return result;
      } finally {
        depth -= 1;
      }
    });
});
afterEach(async () => {
  mustBeLawful(agent.events());
  await agent[Symbol.asyncDispose]();
});

const entry = () => agent.registry.find('nodes/n1/domains/web');
const other = () => agent.registry.find('nodes/n1/domains/other');
const memory = () => [agent.registry.sorted().map(({ domain }) => domain), agent.registry.activeCount];

describe('a full disk', () => {
  it('refuses what would have to be kept, and leaves memory as the store is', async () => {
    await verbs.create('web');
    await verbs.create('other');
    const before = memory();
    full = true;
    const exhausted = { reason: 'DISK_EXHAUSTED' };
    const requestId = randomUUID();
    const both = [verbs.create('new', { requestId }), verbs.create('new', { requestId })];
    for (const each of both) await expect(each).rejects.toMatchObject(exhausted);
    await expect(verbs.autostart('web', true)).rejects.toMatchObject(exhausted);
    await expect(verbs.update('web', { spec: { title: 'a' }, updateMask: ['title'] })).rejects.toMatchObject(exhausted);
    await expect(verbs.start('web')).rejects.toMatchObject(exhausted);
    await expect(verbs.delete('web')).rejects.toMatchObject(exhausted);
    expect(() =>
      agent.registry.tx(() => {
        agent.registry.change(entry().guest.uid, { domain: { title: 'a' } });
        agent.registry.change(entry().guest.uid, { gone: true });
        agent.registry.add({ ...other().domain, name: 'nodes/n1/domains/third', uid: randomUUID() }, 'third', {
          requestor: '',
          requestId: '',
          operation: '',
          traceparent: '',
        });
      }),
    ).toThrow('the file system is full');
    expect(memory()).toEqual(before);
    expect(agent.context.operations.list({ limit: 10, includeDone: false })).toEqual([]);
    full = false;
    expect((await verbs.create('new', { requestId })).state).toBe(OperationState.SUCCEEDED);
    expect((await verbs.start('web')).state).toBe(OperationState.SUCCEEDED);
  });

  it('holds up the record of what was done until there is room', async () => {
    await verbs.create('web', { start: true });
    agent.world.hooks.set('suspend', () => {
      full = true;
      setTimeout(() => (full = false), 100);
    });
    const suspend = await verbs.suspend('web', {});
    expect(suspend.state).toBe(OperationState.SUCCEEDED);
    expect(entry().state).toBe('paused');
    expect(agent.eventNames()).toBe('defined started suspended');
  });

  it('holds up the record of a start, and of what its guest does meanwhile', async () => {
    await verbs.create('web');
    agent.world.hooks.set('run', (uid) => {
      full = true;
      setTimeout(() => agent.world.emit({ t: 'watchdog', uid, action: 'none' }), 20);
      setTimeout(() => (full = false), 100);
    });
    expect(domainIn(await verbs.start('web')).status?.state).toBe(DomainState.RUNNING);
    await agent.settled();
    expect(agent.eventNames()).toBe('defined started watchdog');
  });

  it('holds up what guests do by themselves, in order', async () => {
    const { uid } = domainIn(await verbs.create('web', { start: true }));
    full = true;
    agent.world.emit({ t: 'watchdog', uid, action: 'none' });
    agent.world.powerOff(uid);
    await agent.settled();
    expect(entry().state).toBe('running');
    full = false;
    await agent.registry.until(uid, ({ state }) => state === 'shutoff', AbortSignal.timeout(5_000));
    await agent.settled();
    expect(agent.eventNames()).toBe('defined started watchdog shutdown stopped');
    expect(agent.world.held.size).toBe(0);
  });

  it('keeps no guest from being destroyed, and the record of it waits for room', async () => {
    const { uid } = domainIn(await verbs.create('web', { start: true }));
    full = true;
    const requestId = randomUUID();
    const destroying = await verbs.destroy('web', { requestId, ...atOnce });
    await expect.poll(() => agent.world.guests.has(uid)).toBe(false);
    expect((await verbs.destroy('web', { requestId, ...atOnce })).name).toBe(destroying.name);
    full = false;
    expect((await ended(agent, destroying)).state).toBe(OperationState.SUCCEEDED);
    expect([entry().state, agent.world.held.size, agent.eventNames()]).toEqual(['shutoff', 0, 'defined started stopped']);
    expect((await verbs.destroy('web', { requestId })).name).toBe(destroying.name);
    expect(agent.world.calls.filter((call) => call.startsWith('destroy-gracefully'))).toHaveLength(1);
  });

  it('tells how a destroy failed that it kept from being saved, and saves one that goes on', async () => {
    await verbs.create('web', { start: true });
    full = true;
    setTimeout(() => (full = false), 100);
    agent.world.hooks.set('destroy-gracefully', () => Promise.reject(new Fault('HYPERVISOR_UNRESPONSIVE', 'it is stuck')));
    expect(reasonOf(await verbs.destroy('web'))).toBe('HYPERVISOR_UNRESPONSIVE');
    full = true;
    setTimeout(() => (full = false), 100);
    const gate = new Gate();
    agent.world.hooks.set('destroy-gracefully', gate.wait);
    const destroying = await verbs.destroy('web', atOnce);
    const { store } = agent.context;
    await expect.poll(() => store.operations.unfinished().map(({ id }) => id)).toEqual([idOf(destroying)]);
    gate.open();
    expect((await ended(agent, destroying)).state).toBe(OperationState.SUCCEEDED);
  });

  it('keeps no operation from being cancelled', async () => {
    await verbs.create('web', { start: true });
    const shutdown = await verbs.shutdown('web', atOnce);
    full = true;
    expect(agent.context.operations.cancel(idOf(shutdown)).cancelRequested).toBe(true);
    setTimeout(() => (full = false), 50);
    expect((await ended(agent, shutdown)).state).toBe(OperationState.CANCELLED);
    expect(entry().state).toBe('running');
  });
});

import { randomUUID } from 'node:crypto';
import { Fault } from '@virtmesh/base';
import { DomainState, DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { type Operation, Operation as OperationMessage, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import type { Store } from '@virtmesh/store';
import { describe, expect, it } from 'vitest';
import { agentLives } from '../testing/agent-lives.ts';
import { atOnce, ended, idOf, reasonOf } from '../testing/operation-ends.ts';
import { domainIn, type TestAgent } from '../testing/test-agent.ts';
import { Gate, type Verbs, verbsOf } from '../testing/verbs.ts';

let agent: TestAgent;
let verbs: Verbs;
const { begin } = agentLives((life, of) => {
  [agent, verbs] = [life, of];
});

const entry = (id = 'web') => agent.registry.find(`nodes/n1/domains/${id}`);
const soon = AbortSignal.timeout(30_000);

/** Ids of one moment come in any order. */
function reversed(store: Store): void {
  const unfinished = store.operations.unfinished.bind(store.operations);
  store.operations.unfinished = () => unfinished().toReversed();
}

async function running(over: object = {}): Promise<string> {
  return domainIn(await verbs.create('web', { start: true, ...over })).uid;
}

describe('the next life', () => {
  it('finds everything as it was, and tells nothing of that', async () => {
    const uid = await running({ autostart: true });
    await verbs.create('off');
    const before = agent.events().length;
    const domain = entry().domain;
    await begin(agent.kill());
    expect(entry().domain).toEqual(domain);
    expect(agent.events()).toHaveLength(before);
    agent.world.enter(uid, 'paused', DomainStateReason.WATCHDOG);
    await agent.settled();
    expect(entry().domain.status).toMatchObject({ state: DomainState.PAUSED, reason: DomainStateReason.WATCHDOG });
  });

  it('sees what changed meanwhile', async () => {
    const uid = await running();
    Object.assign(agent.world.guest(uid), { state: 'paused', reason: DomainStateReason.IO_ERROR, memoryBytes: 5n });
    await begin(agent.kill());
    expect(entry().domain.status).toMatchObject({ state: DomainState.PAUSED, reason: DomainStateReason.IO_ERROR, memoryBytes: 5n });
    expect(agent.eventNames()).toBe('defined started suspended');
  });

  it('sees that a guest ended, and gives back what it held', async () => {
    const uid = await running();
    agent.world.guests.delete(uid);
    await begin(agent.kill());
    expect(entry().domain.status).toMatchObject({ state: DomainState.SHUTOFF, message: 'its hypervisor process ended while no agent ran' });
    expect([agent.world.held.size, agent.context.store.runtimes.get(`guest:${uid}`)]).toEqual([0, undefined]);
    expect(agent.eventNames()).toBe('defined started stopped');
    const transient = domainIn(await verbs.create('brief', { transient: true }));
    agent.world.guests.delete(transient.uid);
    await begin(agent.kill());
    expect([agent.registry.size, agent.world.kept.has(transient.uid)]).toEqual([1, false]);
  });

  it('takes up a guest again that did not answer at first', async () => {
    const uid = await running();
    let tries = 0;
    agent.world.hooks.set('adopt', () => {
      tries += 1;
      if (tries < 2) throw new Fault('HYPERVISOR_UNRESPONSIVE', 'it is silent');
    });
    await begin(agent.kill());
    expect(entry().domain.status).toMatchObject({
      state: DomainState.UNKNOWN,
      reason: DomainStateReason.HYPERVISOR_UNRESPONSIVE,
      message: 'it is silent',
    });
    await agent.registry.until(uid, ({ state }) => state === 'running', soon);
    expect(agent.eventNames()).toBe('defined started');
    expect(domainIn(await verbs.suspend('web')).status?.state).toBe(DomainState.PAUSED);
  });

  it('destroys a guest that is still being taken up', async () => {
    const uid = await running();
    const gate = new Gate();
    agent.world.hooks.set('adopt', gate.wait);
    let destroyed: Promise<Operation> | undefined;
    const onMade = (made: TestAgent): void => {
      void gate.reached.then(() => (destroyed = verbsOf(made).destroy('web')));
    };
    await begin(agent.kill({ onMade }));
    if (destroyed === undefined) throw new Error('the guest was taken up too soon');
    expect((await destroyed).state).toBe(OperationState.SUCCEEDED);
    expect(agent.events().at(-1)).toMatchObject({
      context: { operation: (await destroyed).name },
      domain: { status: { reason: DomainStateReason.DESTROYED } },
    });
    expect([agent.eventNames(uid), agent.world.guests.size, agent.world.held.size]).toEqual(['defined started stopped', 0, 0]);
  });

  it('destroys a guest that never answers', async () => {
    const uid = await running();
    agent.world.hooks.set('adopt', () => Promise.reject(new Fault('HYPERVISOR_UNRESPONSIVE', 'it is silent')));
    await begin(agent.kill());
    expect((await verbs.destroy('web')).state).toBe(OperationState.SUCCEEDED);
    expect([agent.eventNames(uid), agent.world.guests.size, agent.world.held.size]).toEqual(['defined started stopped', 0, 0]);
  });

  it('leaves a guest alone that was started since an earlier one did not answer', async () => {
    const uid = await running();
    agent.world.hooks.set('adopt', () => Promise.reject(new Fault('HYPERVISOR_UNRESPONSIVE', 'it is silent')));
    await begin(agent.kill());
    expect(entry().state).toBe('unknown');
    await verbs.destroy('web');
    const calls = (): number => agent.world.calls.filter((call) => call === `adopt:${uid}`).length;
    const before = calls();
    domainIn(await verbs.start('web'));
    const { name } = await verbs.shutdown('web', atOnce);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect([calls(), entry().state, entry().domain.status?.job]).toEqual([before, 'running', name]);
  });

  it('sees the end of a guest that did not answer at first, also where a destroy had failed', async () => {
    const uid = await running();
    const silent = (): Promise<never> => Promise.reject(new Fault('HYPERVISOR_UNRESPONSIVE', 'it is silent'));
    agent.world.hooks.set('destroy-gracefully', () => new Promise(() => {}));
    await verbs.destroy('web', atOnce);
    agent.world.hooks.set('adopt', silent);
    agent.world.hooks.set('destroy-gracefully', silent);
    await begin(agent.kill());
    agent.world.hooks.clear();
    agent.world.guests.delete(uid);
    await agent.registry.until(uid, ({ state }) => state === 'shutoff', soon);
    expect([agent.eventNames(), agent.world.held.size]).toEqual(['defined started stopped', 0]);
  });

  it('leaves a guest alone whose driver is not there', async () => {
    const uid = await running();
    const { store } = agent.context;
    store.runtimes.put(`guest:${uid}`, { driver: 'absent', id: 'web', record: { uid } });
    await begin(agent.kill());
    expect(entry().domain.status).toMatchObject({ state: DomainState.UNKNOWN });
    expect(agent.world.guests.has(uid)).toBe(true);
    agent.context.store.runtimes.put(`guest:${uid}`, { driver: 'scripted', id: 'web', record: { uid } });
    await begin(agent.kill());
    expect([entry().state, agent.eventNames()]).toEqual(['running', 'defined started']);
  });
});

describe('an operation that was under way', () => {
  it('is completed: a start that had let its guest go', async () => {
    await verbs.create('web');
    const gate = new Gate();
    agent.world.hooks.set('run', gate.wait);
    const requestId = randomUUID();
    const start = await verbs.start('web', { requestId, ...atOnce });
    await gate.reached;
    agent.world.hooks.clear();
    await begin(agent.kill());
    expect(await ended(agent, start)).toMatchObject({ state: OperationState.SUCCEEDED, requestId });
    expect(agent.eventNames()).toBe('defined started');
    expect(agent.events().at(-1)).toMatchObject({
      context: { operation: start.name, requestId },
      domain: { status: { reason: DomainStateReason.BOOTED, startCount: 1n, job: '' } },
    });
    expect(await verbs.start('web', { requestId })).toMatchObject({ name: start.name, state: OperationState.SUCCEEDED });
    // What the start had chosen is known, and is not in the definition.
    expect([entry().domain.activeSpec?.clock?.adjustmentSeconds, entry().domain.spec?.clock]).toEqual([42n, undefined]);
  });

  it.each(['reserve', 'spawn'])('is completed: a start that had come to its step %s', async (step) => {
    const gate = new Gate();
    agent.world.hooks.set(step, gate.wait);
    const create = await verbs.create('web', { start: true, ...atOnce });
    await gate.reached;
    agent.world.hooks.clear();
    await begin(agent.kill());
    expect(await ended(agent, create)).toMatchObject({ state: OperationState.SUCCEEDED });
    expect(agent.eventNames()).toBe('defined started');
    expect(agent.world.calls.filter((call) => call.startsWith('release:'))).toHaveLength(1);
  });

  it('is taken back: a start whose cancel had been asked for', async () => {
    await verbs.create('web');
    const gate = new Gate();
    agent.world.hooks.set('run', () => gate.wait(''));
    const start = await verbs.start('web', atOnce);
    await gate.reached;
    agent.context.operations.cancel(idOf(start));
    agent.world.hooks.clear();
    await begin(agent.kill());
    expect(await ended(agent, start)).toMatchObject({ state: OperationState.CANCELLED });
    expect([agent.world.guests.size, agent.world.held.size, entry().state]).toEqual([0, 0, 'shutoff']);
  });

  it('is completed: a destroy that had killed, and one that had not', async () => {
    for (const place of ['destroy', 'release']) {
      const uid = await running();
      const gate = new Gate();
      agent.world.hooks.set(place, () => gate.wait(''));
      const destroy = await verbs.destroy('web', { force: true, ...atOnce });
      await gate.reached;
      agent.world.hooks.clear();
      await begin(agent.kill());
      expect(await ended(agent, destroy)).toMatchObject({ state: OperationState.SUCCEEDED });
      expect(agent.events().at(-1)).toMatchObject({
        context: { operation: destroy.name },
        domain: { status: { reason: DomainStateReason.DESTROYED } },
      });
      expect([agent.eventNames(uid), agent.world.guests.size, agent.world.held.size]).toEqual(['defined started stopped', 0, 0]);
      await verbs.delete('web');
    }
  });

  it('gives way: a start to the destroy that came after it', async () => {
    await verbs.create('web');
    const gate = new Gate();
    agent.world.hooks.set('spawn', () => gate.wait(''));
    agent.world.hooks.set('destroy-gracefully', () => gate.wait(''));
    const start = await verbs.start('web', atOnce);
    const destroy = await verbs.destroy('web', atOnce);
    await gate.reached;
    agent.world.hooks.clear();
    // Both of one moment, and in the wrong order by their ids.
    const { operations } = agent.context.store;
    const rows = operations.unfinished();
    const createTime = new Date(0);
    for (const row of rows)
      operations.put({ ...row, body: OperationMessage.encode({ ...OperationMessage.decode(row.body), createTime }).finish() });
    await begin(agent.kill({ onMade: ({ context }) => reversed(context.store) }));
    expect(reasonOf(await ended(agent, start))).toBe('OPERATION_PREEMPTED');
    expect(await ended(agent, destroy)).toMatchObject({ state: OperationState.SUCCEEDED });
    expect([agent.world.guests.size, agent.world.held.size, entry().state]).toEqual([0, 0, 'shutoff']);
  });

  it('is completed: a delete', async () => {
    await running();
    const gate = new Gate();
    agent.world.hooks.set('forget', () => gate.wait(''));
    const removal = await verbs.delete('web', { destroy: true, ...atOnce });
    await gate.reached;
    agent.world.hooks.clear();
    await begin(agent.kill());
    expect(await ended(agent, removal)).toMatchObject({ state: OperationState.SUCCEEDED });
    expect([agent.registry.size, agent.eventNames()]).toEqual([0, 'defined started stopped undefined']);
  });

  it('goes on: a shutdown', async () => {
    const uid = await running();
    const shutdown = await verbs.shutdown('web', atOnce);
    await agent.registry.until(uid, ({ domain }) => domain.status?.job !== '', soon);
    await begin(agent.kill());
    await agent.registry.until(uid, ({ domain }) => domain.status?.job === shutdown.name, soon);
    agent.world.powerOff(uid);
    expect(await ended(agent, shutdown)).toMatchObject({ state: OperationState.SUCCEEDED });
    expect(agent.events().at(-1)?.context?.operation).toBe(shutdown.name);
  });

  it('is completed: a shutdown whose guest ended meanwhile, on behalf of who asked', async () => {
    const uid = await running({ transient: true });
    const shutdown = await verbs.shutdown('web', atOnce);
    await agent.registry.until(uid, ({ domain }) => domain.status?.job !== '', soon);
    agent.world.guests.delete(uid);
    await begin(agent.kill());
    expect(domainIn(await ended(agent, shutdown))).toMatchObject({ uid, status: { state: DomainState.SHUTOFF } });
    expect(agent.events().at(-1)?.context?.operation).toBe(shutdown.name);
    expect(agent.registry.size).toBe(0);
  });

  it('ends in doubt: a reboot with a request id', async () => {
    await running();
    const gate = new Gate();
    agent.world.hooks.set('reboot', () => gate.wait(''));
    const reboot = await verbs.reboot('web', { requestId: randomUUID(), ...atOnce });
    await gate.reached;
    await begin(agent.kill());
    expect(reasonOf(await ended(agent, reboot))).toBe('OPERATION_PREEMPTED');
  });

  it('does not start a second guest beside one that does not answer', async () => {
    await verbs.create('web');
    const gate = new Gate();
    agent.world.hooks.set('run', gate.wait);
    const start = await verbs.start('web', atOnce);
    await gate.reached;
    agent.world.hooks.clear();
    agent.world.hooks.set('adopt', () => Promise.reject(new Fault('HYPERVISOR_UNRESPONSIVE', 'it is silent')));
    await begin(agent.kill());
    expect(reasonOf(await ended(agent, start))).toBe('HYPERVISOR_UNRESPONSIVE');
    expect(entry().state).toBe('unknown');
    await expect(verbs.start('web')).rejects.toMatchObject({ reason: 'STATE_INVALID' });
    agent.world.hooks.clear();
    await agent.registry.until(entry().guest.uid, ({ state }) => state === 'running', soon);
    expect(agent.eventNames()).toBe('defined started');
  });
});

describe('autostart', () => {
  it('starts what is to start once for each boot of the host, also where the agent dies meanwhile', async () => {
    await verbs.create('web', { autostart: true });
    await verbs.create('other');
    await begin(agent.kill());
    expect(agent.registry.activeCount).toBe(0);
    const gate = new Gate();
    agent.world.hooks.set('spawn', () => gate.wait(''));
    await begin(agent.kill({ bootId: 'boot-2' }));
    await gate.reached;
    agent.world.hooks.clear();
    await begin(agent.kill({ bootId: 'boot-2' }));
    await agent.registry.until(entry().guest.uid, ({ state }) => state === 'running', soon);
    expect(agent.events().at(-1)?.context?.requestor).toBe('autostart');
    expect(entry('other').state).toBe('shutoff');
    await verbs.destroy('web');
    await begin(agent.kill({ bootId: 'boot-2' }));
    await agent.settled();
    expect(entry().state).toBe('shutoff');
  });
});

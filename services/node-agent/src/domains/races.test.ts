import { DomainState, DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { describe, expect, it } from 'vitest';
import { agentLives } from '../testing/agent-lives.ts';
import { atOnce, reasonOf } from '../testing/operation-ends.ts';
import { domainIn, type TestAgent } from '../testing/test-agent.ts';
import { Gate, type Verbs } from '../testing/verbs.ts';

let agent: TestAgent;
let verbs: Verbs;
agentLives((life, of) => {
  [agent, verbs] = [life, of];
});

const entry = (id = 'web') => agent.registry.find(`nodes/n1/domains/${id}`);
const ended = { wait: { seconds: 20n, nanos: 0 } };

/** A domain that runs. */
async function running(): Promise<string> {
  return domainIn(await verbs.create('web', { start: true })).uid;
}

describe('a guest that ends', () => {
  it('between the last step of its start and the commit was started, then stopped', async () => {
    agent.world.hooks.set('run', (uid) => agent.world.end(uid, 'crashed'));
    const domain = domainIn(await verbs.create('web', { start: true }));
    expect(domain.status?.state).toBe(DomainState.RUNNING);
    await agent.settled();
    expect(entry().domain.status).toMatchObject({ state: DomainState.SHUTOFF, reason: DomainStateReason.CRASHED });
    expect(agent.eventNames()).toBe('defined started stopped');
    expect(agent.events().at(-1)?.context?.operation).toBe('');
    expect(agent.world.held.size).toBe(0);
  });

  it('in a step of its start fails the start, and is stopped once', async () => {
    agent.world.hooks.set('spawn', (uid) => agent.world.end(uid, 'crashed'));
    expect(reasonOf(await verbs.create('web', { start: true }))).toBe('HYPERVISOR_FAILED');
    await agent.settled();
    expect(agent.eventNames()).toBe('defined stopped undefined');
  });

  it('while it is suspended fails the suspend and is told', async () => {
    const uid = await running();
    agent.world.hooks.set('suspend', () => agent.world.end(uid, 'crashed'));
    expect(reasonOf(await verbs.suspend('web'))).toBe('HYPERVISOR_UNRESPONSIVE');
    await agent.settled();
    expect(agent.eventNames()).toBe('defined started stopped');
  });

  it('while it is changed is not brought to life by the change', async () => {
    const uid = await running();
    agent.world.hooks.set('apply', () => {
      agent.world.spawn('spare', 0n, 1);
      agent.world.end(uid, 'shutdown');
      agent.world.guests.set(uid, agent.world.guest('spare'));
      agent.world.guests.delete('spare');
    });
    await verbs.update('web', { spec: { memory: { currentBytes: 32n << 20n } }, updateMask: ['memory.current_bytes'] });
    agent.world.guests.clear();
    await agent.settled();
    expect(entry().domain).toMatchObject({
      activeSpec: undefined,
      spec: { memory: { currentBytes: 32n << 20n } },
      status: { state: DomainState.SHUTOFF, restartRequired: false },
    });
  });

  it('just after its suspend was recorded is told after it', async () => {
    const uid = await running();
    await Promise.all([
      verbs.suspend('web'),
      Promise.resolve().then(() => agent.world.hooks.set('suspend', () => void setImmediate(() => agent.world.end(uid, 'crashed')))),
    ]);
    agent.world.end(uid, 'crashed');
    await agent.settled();
    expect(agent.eventNames()).toBe('defined started suspended stopped');
  });
});

describe('a destroy', () => {
  it('ends a start that is under way, and is who stopped it', async () => {
    await verbs.create('web');
    const gate = new Gate();
    agent.world.hooks.set('spawn', gate.wait);
    const start = verbs.start('web', ended);
    await gate.reached;
    const destroyed = await verbs.destroy('web', ended);
    expect(destroyed.state).toBe(OperationState.SUCCEEDED);
    expect(domainIn(destroyed).status?.state).toBe(DomainState.SHUTOFF);
    expect(await start).toMatchObject({ state: OperationState.CANCELLED });
    expect(reasonOf(await start)).toBe('OPERATION_PREEMPTED');
    expect(agent.eventNames()).toBe('defined stopped');
    expect(agent.events().at(-1)).toMatchObject({
      context: { operation: destroyed.name },
      domain: { status: { reason: DomainStateReason.DESTROYED, message: '' } },
    });
    expect([agent.world.guests.size, agent.world.held.size]).toEqual([0, 0]);
  });

  it('ends a start that waits for its turn', async () => {
    await running();
    const gate = new Gate();
    agent.world.hooks.set('destroy', gate.wait);
    const first = verbs.destroy('web', { force: true, ...ended });
    await gate.reached;
    agent.world.hooks.clear();
    const second = verbs.destroy('web', { force: true, ...ended });
    gate.open();
    expect([(await first).state, (await second).state]).toEqual([OperationState.SUCCEEDED, OperationState.SUCCEEDED]);
    expect(agent.eventNames()).toBe('defined started stopped');

    const busy = new Gate();
    const hold = agent.engine.parts.queue.run(entry().guest.uid, undefined, () => busy.wait(''));
    const start = verbs.start('web', ended);
    const third = verbs.destroy('web', ended);
    busy.open();
    await hold;
    expect(reasonOf(await start)).toBe('OPERATION_PREEMPTED');
    expect((await third).state).toBe(OperationState.SUCCEEDED);
    expect(agent.eventNames()).toBe('defined started stopped');
  });

  it('does not wait for a job whose guest does not answer', async () => {
    const uid = await running();
    const gate = new Gate();
    agent.world.hooks.set('suspend', gate.wait);
    const suspend = verbs.suspend('web', ended);
    await gate.reached;
    expect((await verbs.destroy('web', { force: true, ...ended })).state).toBe(OperationState.SUCCEEDED);
    expect(reasonOf(await suspend)).toBe('OPERATION_PREEMPTED');
    expect([agent.eventNames(uid), agent.world.held.size]).toEqual(['defined started stopped', 0]);
  });

  it('leaves changes of the definition alone that wait their turn', async () => {
    await running();
    const gate = new Gate();
    agent.world.hooks.set('suspend', gate.wait);
    const suspend = verbs.suspend('web', ended);
    await gate.reached;
    const autostart = verbs.autostart('web', true);
    const update = verbs.update('web', { spec: { title: 'new' }, updateMask: ['title'], ...ended });
    await verbs.destroy('web', ended);
    await suspend;
    expect((await update).state).toBe(OperationState.SUCCEEDED);
    expect((await autostart).state).toBe(OperationState.SUCCEEDED);
    expect(entry().domain).toMatchObject({ autostart: true, title: 'new' });
  });

  it('ends what follows a shutdown', async () => {
    const uid = await running();
    const shutdown = verbs.shutdown('web', ended);
    await agent.registry.until(uid, ({ domain }) => domain.status?.job !== '', AbortSignal.timeout(1000));
    const destroyed = await verbs.destroy('web', ended);
    expect(reasonOf(await shutdown)).toBe('OPERATION_PREEMPTED');
    expect(agent.events().at(-1)?.context?.operation).toBe(destroyed.name);
    expect(entry().domain.status?.job).toBe('');
  });

  it('that is cancelled after its kill leaves nothing untold', async () => {
    const uid = await running();
    const gate = new Gate();
    // Kills, and then does not come back in time.
    agent.world.hooks.set('destroy-gracefully', async (of, signal) => {
      agent.world.end(of, 'destroyed');
      await gate.wait(of, signal);
    });
    const destroy = verbs.destroy('web', ended);
    await gate.reached;
    const [running_] = agent.context.operations.list({ limit: 1, includeDone: false });
    agent.context.operations.cancel(running_?.name.split('/').at(-1) ?? '');
    expect(reasonOf(await destroy)).toBe('OPERATION_CANCELLED');
    await agent.settled();
    expect(agent.eventNames(uid)).toBe('defined started stopped');
    expect(agent.events().at(-1)?.context?.operation).toBe((await destroy).name);
    expect([agent.world.held.size, entry().domain.status?.reason]).toEqual([0, DomainStateReason.DESTROYED]);
    expect(domainIn(await verbs.start('web')).status?.state).toBe(DomainState.RUNNING);
  });

  it('that cannot release fails, and what was seen counts', async () => {
    const uid = await running();
    agent.world.hooks.set('release', () => Promise.reject(new Error('busy')));
    expect((await verbs.destroy('web', ended)).state).toBe(OperationState.FAILED);
    await agent.settled();
    expect(entry().domain.status?.state).toBe(DomainState.SHUTOFF);
    agent.world.hooks.clear();
    expect((await verbs.destroy('web', ended)).state).toBe(OperationState.SUCCEEDED);
    expect([agent.world.held.size, agent.context.store.runtimes.get(`guest:${uid}`)]).toEqual([0, undefined]);
    agent.world.hooks.clear();
    expect((await verbs.start('web')).state).toBe(OperationState.SUCCEEDED);
  });

  it('is admitted when the queue is full', async () => {
    await running();
    const gate = new Gate();
    agent.world.hooks.set('suspend', gate.wait);
    const suspend = verbs.suspend('web', atOnce);
    await gate.reached;
    const many = Array.from({ length: 80 }, () => verbs.autostart('web', true, {}).catch((thrown: unknown) => thrown));
    expect((await verbs.destroy('web', ended)).state).toBe(OperationState.SUCCEEDED);
    await suspend;
    const refused = (await Promise.all(many)).filter((each) => (each as Operation).state === OperationState.FAILED);
    expect(refused.map((each) => reasonOf(each as Operation))).toEqual(Array.from({ length: 16 }, () => 'LIMIT_EXCEEDED'));
  });
});

describe('a delete that destroys', () => {
  it('ends a start under way, and nothing is left', async () => {
    await verbs.create('web');
    const gate = new Gate();
    agent.world.hooks.set('run', gate.wait);
    const start = verbs.start('web', ended);
    await gate.reached;
    expect((await verbs.delete('web', { destroy: true, ...ended })).state).toBe(OperationState.SUCCEEDED);
    expect(reasonOf(await start)).toBe('OPERATION_PREEMPTED');
    expect([agent.registry.size, agent.world.guests.size, agent.world.held.size, agent.world.kept.size]).toEqual([0, 0, 0, 0]);
    expect(agent.eventNames()).toBe('defined stopped undefined');
  });

  it('takes what waits its turn with it', async () => {
    await running();
    const gate = new Gate();
    agent.world.hooks.set('suspend', gate.wait);
    const suspend = verbs.suspend('web', ended);
    await gate.reached;
    const autostart = verbs.autostart('web', true);
    await verbs.delete('web', { destroy: true, ...ended });
    expect([reasonOf(await suspend), reasonOf(await autostart)]).toEqual(['OPERATION_PREEMPTED', 'OPERATION_PREEMPTED']);
    expect(agent.eventNames()).toBe('defined started stopped undefined');
  });
});

describe('a cancel', () => {
  it('takes back a start, and the domain that came with it', async () => {
    const gate = new Gate();
    agent.world.hooks.set('run', gate.wait);
    const create = verbs.create('web', { start: true, ...ended });
    await gate.reached;
    const [operation] = agent.context.operations.list({ limit: 1, includeDone: false });
    agent.context.operations.cancel(operation?.name.split('/').at(-1) ?? '');
    expect(reasonOf(await create)).toBe('OPERATION_CANCELLED');
    expect([agent.registry.size, agent.world.guests.size, agent.world.held.size]).toEqual([0, 0, 0]);
  });

  it('of a shutdown harms nobody, and another one may be asked for', async () => {
    const uid = await running();
    const shutdown = verbs.shutdown('web', ended);
    const { domain } = (await agent.registry.until(uid, (each) => each.domain.status?.job !== '', AbortSignal.timeout(1000))) ?? {};
    expect(domain?.status?.job).toMatch(/^nodes\/n1\/operations\//);
    // One in the same moment waits its turn and is refused then.
    expect(reasonOf(await verbs.delete('web', { keepRunning: true }))).toBe('JOB_CONFLICT');
    await expect(verbs.delete('web', { keepRunning: true })).rejects.toMatchObject({
      reason: 'JOB_CONFLICT',
      metadata: { operation: domain?.status?.job, verb: 'shutdown' },
    });
    agent.context.operations.cancel(domain?.status?.job.split('/').at(-1) ?? '');
    expect(reasonOf(await shutdown)).toBe('OPERATION_CANCELLED');
    expect(entry().domain.status).toMatchObject({ state: DomainState.RUNNING, job: '' });
    const again = verbs.shutdown('web', ended);
    await agent.registry.until(uid, (each) => each.domain.status?.job !== '', AbortSignal.timeout(1000));
    agent.world.powerOff(uid);
    expect((await again).state).toBe(OperationState.SUCCEEDED);
  });
});

describe('an end of the agent', () => {
  it('waits for what is in its turn, and not for guests', async () => {
    const uid = await running();
    const shutdown = verbs.shutdown('web', ended);
    await agent.registry.until(uid, ({ domain }) => domain.status?.job !== '', AbortSignal.timeout(1000));
    await agent.engine.idle();
    const gate = new Gate();
    agent.world.hooks.set('suspend', gate.wait);
    const suspend = verbs.suspend('web', ended);
    await gate.reached;
    let idle = false;
    const waiting = agent.engine.idle().then(() => (idle = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(idle).toBe(false);
    gate.open();
    await Promise.all([suspend, waiting]);
    await verbs.destroy('web');
    await shutdown;
  });
});

describe('what a guest does by itself', () => {
  it('is told in order, and once', async () => {
    const uid = await running();
    const { world } = agent;
    world.emit({ t: 'guest-agent', uid, connected: true });
    world.emit({ t: 'guest-agent', uid, connected: true });
    world.emit({ t: 'balloon', uid, memoryBytes: 5n });
    world.emit({ t: 'balloon', uid, memoryBytes: 5n });
    world.emit({ t: 'io-error', uid, disk: 'disk0', action: 'stop', message: 'No space', noSpace: true });
    world.enter(uid, 'paused', DomainStateReason.IO_ERROR);
    world.enter(uid, 'running', DomainStateReason.UNPAUSED);
    world.enter(uid, 'pmsuspended', DomainStateReason.UNSPECIFIED);
    world.enter(uid, 'running', DomainStateReason.WAKEUP);
    world.emit({ t: 'watchdog', uid, action: 'reset' });
    world.emit({ t: 'reboot', uid, byGuest: true });
    world.emit({ t: 'panicked', uid });
    world.enter(uid, 'crashed', DomainStateReason.PANICKED);
    world.end(uid, 'shutdown');
    world.emit({ t: 'reboot', uid, byGuest: true });
    world.emit({ t: 'exited', uid, how: 'crashed', message: '' });
    await agent.settled();
    expect(agent.eventNames()).toBe(
      'defined started guest_agent balloon io_error suspended resumed pmsuspended resumed watchdog reboot crashed stopped',
    );
    expect(entry().domain.status).toMatchObject({
      state: DomainState.SHUTOFF,
      reason: DomainStateReason.CRASHED,
      guestAgentConnected: false,
    });
  });

  it('is a crash, and a new beginning where the driver makes one', async () => {
    const { uid } = domainIn(await verbs.create('web', { start: true }));
    agent.world.emit({ t: 'panicked', uid });
    agent.world.emit({ t: 'reboot', uid, byGuest: true });
    agent.world.enter(uid, 'running', DomainStateReason.BOOTED);
    await agent.settled();
    expect(entry().domain.status).toMatchObject({ state: DomainState.RUNNING, reason: DomainStateReason.BOOTED });
    expect(agent.eventNames()).toBe('defined started crashed reboot resumed');
  });

  it('is no event where nothing was known meanwhile', async () => {
    const uid = await running();
    agent.world.enter(uid, 'unknown', DomainStateReason.HYPERVISOR_UNRESPONSIVE);
    await agent.settled();
    await expect(verbs.suspend('web')).rejects.toMatchObject({ reason: 'STATE_INVALID', metadata: { state: 'UNKNOWN' } });
    agent.world.enter(uid, 'running', DomainStateReason.BOOTED);
    await agent.settled();
    await verbs.suspend('web');
    agent.world.enter(uid, 'unknown', DomainStateReason.HYPERVISOR_UNRESPONSIVE);
    agent.world.enter(uid, 'paused', DomainStateReason.USER);
    await agent.settled();
    await verbs.resume('web');
    agent.world.enter(uid, 'unknown', DomainStateReason.HYPERVISOR_UNRESPONSIVE);
    agent.world.enter(uid, 'paused', DomainStateReason.IO_ERROR);
    agent.world.enter(uid, 'unknown', DomainStateReason.HYPERVISOR_UNRESPONSIVE);
    agent.world.end(uid, 'crashed');
    await agent.settled();
    expect(agent.eventNames()).toBe('defined started suspended resumed suspended stopped');
  });

  it("a reboot that was asked for is the caller's doing", async () => {
    await running();
    const operation = await verbs.reboot('web');
    await agent.settled();
    expect(agent.events().at(-1)).toMatchObject({ kind: { $case: 'reboot' }, context: { operation: operation.name } });
  });
});

describe('two creates with one uid', () => {
  const uid = '7a2e0c7e-0000-4000-8000-000000000001';

  it.each([{ start: false }, { start: true }])('make one domain, and the other is told of it: %o', async ({ start }) => {
    const [one, two] = await Promise.all([verbs.create('web', { uid, start }), verbs.create('other', { uid, start })]);
    expect([one.state, reasonOf(two)]).toEqual([OperationState.SUCCEEDED, 'DOMAIN_EXISTS']);
    expect([entry().guest.uid, agent.registry.size, agent.world.guests.size]).toEqual([uid, 1, start ? 1 : 0]);
  });

  it('make one domain also where the second would start it and cannot', async () => {
    agent.world.hooks.set('reserve', () => Promise.reject(new Error('no')));
    const [one, two] = await Promise.all([verbs.create('web', { uid }), verbs.create('other', { uid, start: true })]);
    expect([one.state, reasonOf(two)]).toEqual([OperationState.SUCCEEDED, 'DOMAIN_EXISTS']);
    expect(entry().domain.status?.reason).toBe(DomainStateReason.DEFINED);
  });
});

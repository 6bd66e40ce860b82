import { randomUUID } from 'node:crypto';
import { DomainState, DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { ChangeScope } from '@virtmesh/contracts/domain/v1/change_scope';
import { DomainView, FieldEffect, UpdateDomainResult } from '@virtmesh/contracts/domain/v1/domain_service';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { describe, expect, it } from 'vitest';
import { agentLives } from '../testing/agent-lives.ts';
import { domainIn, type TestAgent, testCall } from '../testing/test-agent.ts';
import { mebibyte, plainSpec, type Verbs, verbsOf } from '../testing/verbs.ts';
import { viewOf } from './model/views.ts';

let agent: TestAgent;
let verbs: Verbs;
agentLives((life, of) => {
  [agent, verbs] = [life, of];
});

const updated = (operation: Operation): UpdateDomainResult => {
  if (operation.result?.$case !== 'response') throw new Error(JSON.stringify(operation.result));
  return UpdateDomainResult.decode(operation.result.value.value);
};
const reason = (value: string): object => expect.objectContaining({ reason: value });
const entry = (id: string) => agent.registry.find(`nodes/n1/domains/${id}`);

describe('a life', () => {
  it('goes from definition to removal, each step told once', async () => {
    const defined = domainIn(await verbs.create('web', { autostart: true }));
    expect(defined).toMatchObject({
      name: 'nodes/n1/domains/web',
      persistent: true,
      autostart: true,
      status: { state: DomainState.SHUTOFF, reason: DomainStateReason.DEFINED },
    });
    expect(defined.spec).toMatchObject({ machine: 'scripted-1.0', memory: { currentBytes: 64n * mebibyte } });
    const started = domainIn(await verbs.start('web'));
    expect(started).toMatchObject({
      etag: defined.etag,
      status: { state: DomainState.RUNNING, reason: DomainStateReason.BOOTED, startCount: 1n, job: '', accelerator: 'script' },
    });
    expect(started.activeSpec?.machine).toBe('scripted-1.0');
    expect(domainIn(await verbs.suspend('web')).status).toMatchObject({ state: DomainState.PAUSED, reason: DomainStateReason.USER });
    expect(domainIn(await verbs.suspend('web')).revision).toBe(entry('web').domain.revision);
    expect(domainIn(await verbs.resume('web')).status).toMatchObject({ state: DomainState.RUNNING, reason: DomainStateReason.UNPAUSED });
    expect((await verbs.reboot('web')).state).toBe(OperationState.SUCCEEDED);
    expect(domainIn(await verbs.destroy('web'))).toMatchObject({
      activeSpec: undefined,
      status: { state: DomainState.SHUTOFF, reason: DomainStateReason.DESTROYED, pid: 0n },
    });
    expect(domainIn(await verbs.destroy('web')).status?.state).toBe(DomainState.SHUTOFF);
    expect((await verbs.delete('web')).result).toMatchObject({ value: { typeUrl: 'type.googleapis.com/google.protobuf.Empty' } });
    expect(agent.eventNames()).toBe('defined started suspended resumed reboot stopped undefined');
    expect([agent.registry.size, agent.world.held.size, agent.world.kept.size, agent.context.store.domains.get(defined.uid)]).toEqual([
      0,
      0,
      0,
      undefined,
    ]);
  });

  it('begins paused where that is asked', async () => {
    await verbs.create('web');
    expect(domainIn(await verbs.start('web', { paused: true })).status).toMatchObject({
      state: DomainState.PAUSED,
      reason: DomainStateReason.STARTING_UP,
    });
    expect(domainIn(await verbs.resume('web')).status?.state).toBe(DomainState.RUNNING);
    expect(agent.eventNames()).toBe('defined started suspended resumed');
  });

  it('of a transient domain ends with its guest, and its last state is answered', async () => {
    const running = domainIn(await verbs.create('web', { transient: true }));
    expect(running).toMatchObject({ persistent: false, spec: undefined, status: { state: DomainState.RUNNING } });
    expect(running.etag).not.toBe('');
    expect(domainIn(await verbs.destroy('web'))).toMatchObject({ uid: running.uid, status: { state: DomainState.SHUTOFF } });
    expect(agent.registry.size).toBe(0);
    expect(agent.eventNames()).toBe('started stopped');
    const events = agent.events();
    expect(events.map((event) => event.gone)).toEqual([false, false, false, true]);
    expect(events[0]).toMatchObject({ full: true, kind: { value: { paths: ['active_spec'] } } });
  });

  it('ends when the guest shuts down, on behalf of who asked for it', async () => {
    await verbs.create('web', { start: true });
    const { uid } = entry('web').guest;
    const operation = verbs.shutdown('web', { wait: { seconds: 30n, nanos: 0 } });
    await agent.registry.until(uid, ({ domain }) => domain.status?.job !== '', AbortSignal.timeout(1000));
    agent.world.powerOff(uid);
    const ended = await operation;
    expect(domainIn(ended).status).toMatchObject({ state: DomainState.SHUTOFF, reason: DomainStateReason.SHUTDOWN, job: '' });
    await agent.settled();
    expect(agent.eventNames()).toBe('defined started shutdown stopped');
    expect(
      agent
        .events()
        .slice(-2)
        .map((event) => event.context?.operation),
    ).toEqual([ended.name, ended.name]);
    expect([agent.world.held.size, agent.context.store.runtimes.get(`guest:${uid}`)]).toEqual([0, undefined]);
  });

  it("of a guest that ends by itself is nobody's doing", async () => {
    await verbs.create('web', { start: true });
    const { uid } = entry('web').guest;
    agent.world.end(uid, 'crashed', 'segmentation fault');
    await agent.settled();
    expect(entry('web').domain.status).toMatchObject({
      state: DomainState.SHUTOFF,
      reason: DomainStateReason.CRASHED,
      message: 'segmentation fault',
    });
    expect(agent.events().at(-1)?.context).toMatchObject({ requestor: '', operation: '' });
    expect(agent.world.held.size).toBe(0);
    expect(domainIn(await verbs.start('web')).status).toMatchObject({ message: '', startCount: 2n });
  });
});

describe('a start that fails', () => {
  it.each(['reserve', 'spawn', 'run'])('in its step %s is taken back and says why', async (step) => {
    await verbs.create('web');
    agent.world.hooks.set(step, () => Promise.reject(new Error('no luck')));
    const operation = await verbs.start('web');
    expect(operation).toMatchObject({ state: OperationState.FAILED });
    expect(() => domainIn(operation)).toThrow('an internal fault');
    expect(entry('web').domain.status).toMatchObject({ state: DomainState.SHUTOFF, reason: DomainStateReason.FAILED, job: '' });
    expect([agent.world.guests.size, agent.world.held.size, agent.context.store.runtimes.all().length]).toEqual([0, 0, 1]);
    agent.world.hooks.clear();
    expect(domainIn(await verbs.start('web')).status?.state).toBe(DomainState.RUNNING);
    expect(agent.eventNames()).toBe('defined stopped started');
  });

  it('keeps what it could not give back, and the next start gives it back first', async () => {
    await verbs.create('web');
    agent.world.hooks.set('run', () => Promise.reject(new Error('no luck')));
    agent.world.hooks.set('undo-reserve', () => Promise.reject(new Error('no luck either')));
    await verbs.start('web');
    expect(agent.world.held.size).toBe(1);
    agent.world.hooks.clear();
    expect(domainIn(await verbs.start('web')).status?.state).toBe(DomainState.RUNNING);
  });

  it('takes back the domain too where the same call made it', async () => {
    agent.world.hooks.set('spawn', () => Promise.reject(new Error('no luck')));
    expect((await verbs.create('web', { start: true })).state).toBe(OperationState.FAILED);
    expect((await verbs.create('other', { transient: true })).state).toBe(OperationState.FAILED);
    expect([agent.registry.size, agent.world.kept.size, agent.world.held.size]).toEqual([0, 0, 0]);
    expect(agent.eventNames()).toBe('defined stopped undefined stopped');
    agent.world.hooks.clear();
    expect((await verbs.create('web', { start: true })).state).toBe(OperationState.SUCCEEDED);
  });
});

describe('a refusal', () => {
  it('comes before anything is touched', async () => {
    await verbs.create('web');
    await expect(verbs.create('web')).rejects.toEqual(reason('DOMAIN_EXISTS'));
    await expect(verbs.create('other', { uid: entry('web').guest.uid.toUpperCase() })).rejects.toEqual(reason('DOMAIN_EXISTS'));
    await expect(verbs.create('-x')).rejects.toMatchObject({ reason: 'NAME_INVALID', violations: [{ field: 'domain_id' }] });
    await expect(verbs.create('x', { uid: 'none' })).rejects.toMatchObject({ reason: 'REQUEST_INVALID', violations: [{ field: 'uid' }] });
    await expect(verbs.create('x', { transient: true, autostart: true })).rejects.toMatchObject({
      reason: 'REQUEST_INVALID',
      violations: [{ field: 'autostart' }],
    });
    await expect(verbs.create('x', { parent: 'nodes/n2' })).rejects.toEqual(reason('NODE_NOT_FOUND'));
    await expect(verbs.create('x', { parent: 'n1' })).rejects.toMatchObject({ reason: 'NAME_INVALID', violations: [{ field: 'parent' }] });
    await expect(verbs.create('x', { spec: undefined })).rejects.toMatchObject({ reason: 'SPEC_INVALID', violations: [{ field: 'spec' }] });
    await expect(verbs.create('x', { spec: { hypervisor: 'vmware' } })).rejects.toMatchObject({
      reason: 'SPEC_INVALID',
      violations: [{ field: 'spec.hypervisor' }],
    });
    await expect(verbs.create('x', { spec: plainSpec({ hypervisor: 'absent' }) })).rejects.toMatchObject({
      reason: 'DRIVER_UNAVAILABLE',
      metadata: { driver: 'absent' },
    });
    await expect(verbs.create('x', { spec: plainSpec({ vsock: { cid: 7n } }) })).rejects.toMatchObject({
      reason: 'SPEC_UNSUPPORTED',
      violations: [{ field: 'spec.vsock' }],
    });
    await expect(verbs.create('x', { spec: plainSpec({ memory: {}, title: 'a\nb' }) })).rejects.toMatchObject({
      reason: 'SPEC_INVALID',
      violations: [{ field: 'spec.title' }, { field: 'spec.memory.size_bytes' }],
    });
    await expect(
      verbsOf(agent, testCall({ role: 'admin' })).create('x', { spec: plainSpec({ qemu: { args: ['-x'] } }) }),
    ).rejects.toMatchObject({ reason: 'PERMISSION_DENIED', metadata: { required: 'raw' } });
    await expect(verbs.start('nobody')).rejects.toEqual(reason('DOMAIN_NOT_FOUND'));
    await expect(verbs.suspend('web')).rejects.toMatchObject({
      reason: 'STATE_INVALID',
      metadata: { state: 'SHUTOFF', allowed: 'RUNNING, PAUSED' },
    });
    await expect(verbs.delete('web', { etag: '"x"' })).rejects.toEqual(reason('ETAG_MISMATCH'));
    await expect(verbs.delete('web', { destroy: true, keepRunning: true })).rejects.toMatchObject({
      violations: [{ field: 'keep_running' }],
    });
    await expect(verbs.autostart('web', true, { etag: '"x"' })).rejects.toEqual(reason('ETAG_MISMATCH'));
    await expect(verbs.destroy('web', { grace: { seconds: -1n, nanos: 0 } })).rejects.toMatchObject({ violations: [{ field: 'grace' }] });
    await expect(verbs.start('web', { wait: { seconds: -1n, nanos: 0 } })).rejects.toMatchObject({ violations: [{ field: 'wait' }] });
    await verbs.start('web');
    await expect(verbs.start('web')).rejects.toMatchObject({ reason: 'STATE_INVALID', metadata: { state: 'RUNNING', allowed: 'SHUTOFF' } });
    await expect(verbs.delete('web')).rejects.toEqual(reason('STATE_INVALID'));
    expect(agent.eventNames()).toBe('defined started');
    expect(agent.context.operations.list({ limit: 100, includeDone: true })).toHaveLength(2);
  });

  it("of a feature comes with the driver's reason", async () => {
    await verbs.create('web', { spec: plainSpec({ machine: 'stubborn' }), start: true });
    await expect(verbs.reboot('web')).rejects.toMatchObject({
      reason: 'FEATURE_UNSUPPORTED',
      metadata: { driver: 'scripted', feature: 'reboot', why: 'the machine type is stubborn' },
    });
  });
});

describe('a delete', () => {
  it('lets the guest go on as a transient one', async () => {
    await verbs.create('web', { start: true, autostart: true });
    expect((await verbs.delete('web', { keepRunning: true })).result).toMatchObject({
      value: { typeUrl: 'type.googleapis.com/google.protobuf.Empty' },
    });
    expect(entry('web').domain).toMatchObject({
      persistent: false,
      autostart: false,
      spec: undefined,
      status: { state: DomainState.RUNNING },
    });
    await expect(verbs.delete('web')).rejects.toMatchObject({ reason: 'STATE_INVALID', metadata: { allowed: 'persistent' } });
    await expect(verbs.autostart('web', true)).rejects.toEqual(reason('STATE_INVALID'));
    agent.world.powerOff(entry('web').guest.uid);
    await agent.settled();
    expect([agent.registry.size, agent.world.kept.size, agent.eventNames()]).toEqual([0, 0, 'defined started undefined shutdown stopped']);
  });

  it('ends the guest where that is asked', async () => {
    await verbs.create('web', { start: true });
    await verbs.delete('web', { destroy: true });
    expect([agent.registry.size, agent.world.guests.size, agent.world.held.size, agent.world.kept.size]).toEqual([0, 0, 0, 0]);
    expect(agent.eventNames()).toBe('defined started stopped undefined');
  });
});

describe('a request id', () => {
  it('makes one operation of two calls at once, and of a call after the domain is gone', async () => {
    const requestId = randomUUID();
    const [one, two] = await Promise.all([verbs.create('web', { requestId }), verbs.create('web', { requestId })]);
    expect(two).toEqual(one);
    const removal = randomUUID();
    const gone = await verbs.delete('web', { requestId: removal });
    expect(await verbs.delete('web', { requestId: removal })).toEqual(gone);
    expect(agent.eventNames()).toBe('defined undefined');
  });

  it('is refused for another request, verb or caller', async () => {
    const requestId = randomUUID();
    await verbs.create('web', { requestId });
    const used = { reason: 'REQUEST_INVALID', violations: [{ field: 'request_id' }] };
    await expect(verbs.create('other', { requestId })).rejects.toMatchObject(used);
    await expect(verbs.start('web', { requestId })).rejects.toMatchObject(used);
    await expect(verbsOf(agent, testCall({ identity: 'virtmesh://user/bob' })).create('web', { requestId })).rejects.toMatchObject(used);
    await expect(verbs.start('web', { requestId: 'mine' })).rejects.toMatchObject(used);
    expect((await verbs.create('web', { requestId, wait: { seconds: 1n, nanos: 0 } })).state).toBe(OperationState.SUCCEEDED);
  });

  it('holds for maps in another order', async () => {
    const requestId = randomUUID();
    const one = await verbs.create('web', { requestId, spec: plainSpec({ labels: { a: '1', b: '2' } }) });
    expect(await verbs.create('web', { requestId, spec: plainSpec({ labels: { b: '2', a: '1' } }) })).toEqual(one);
  });

  it('is not kept for a call that only checks or was refused', async () => {
    const requestId = randomUUID();
    const checked = await verbs.create('web', { requestId, validateOnly: true });
    expect(domainIn(checked)).toMatchObject({ uid: requestId, spec: { machine: 'scripted-1.0' } });
    expect(await verbs.create('web', { requestId, validateOnly: true })).toMatchObject({ state: OperationState.SUCCEEDED });
    expect(agent.events()).toEqual([]);
    await expect(verbs.start('web', { requestId })).rejects.toEqual(reason('DOMAIN_NOT_FOUND'));
    expect(domainIn(await verbs.create('web', { requestId })).uid).toBe(requestId);
  });
});

describe('an update', () => {
  const spec = { title: 'new', memory: { sizeBytes: 128n * mebibyte, currentBytes: 32n * mebibyte } };

  it('of a domain that does not run is for the next start', async () => {
    const before = domainIn(await verbs.create('web', { spec: plainSpec({ labels: { a: '1' } }) }));
    const { domain, outcomes } = updated(await verbs.update('web', { spec, updateMask: ['title', 'memory.size_bytes', 'labels'] }));
    expect(outcomes.map(({ effect, path }) => [path, effect])).toEqual([
      ['title', FieldEffect.NEXT_START],
      ['memory.size_bytes', FieldEffect.NEXT_START],
      ['labels', FieldEffect.NEXT_START],
    ]);
    expect(domain).toMatchObject({
      title: 'new',
      labels: {},
      spec: { memory: { sizeBytes: 128n * mebibyte, currentBytes: 64n * mebibyte } },
      status: { restartRequired: false },
    });
    expect(domain?.etag).not.toBe(before.etag);
    expect(updated(await verbs.update('web', { spec, updateMask: ['memory.size_bytes'] })).outcomes).toEqual([
      { path: 'memory.size_bytes', effect: FieldEffect.UNCHANGED, why: '' },
    ]);
    expect(agent.eventNames()).toBe('defined defined');
    await expect(verbs.update('web', { spec, updateMask: ['title'], etag: before.etag })).rejects.toEqual(reason('ETAG_MISMATCH'));
    await expect(verbs.update('web', { spec, updateMask: ['title'], scope: ChangeScope.LIVE })).rejects.toEqual(reason('STATE_INVALID'));
  });

  it('waits for the next start with what it depends on', async () => {
    await verbs.create('web', { start: true });
    const larger = { memory: { sizeBytes: 128n * mebibyte, currentBytes: 128n * mebibyte } };
    const updateMask = ['memory.size_bytes', 'memory.current_bytes'];
    const { domain, outcomes } = updated(await verbs.update('web', { spec: larger, updateMask }));
    expect(outcomes).toMatchObject([
      { path: 'memory.size_bytes', effect: FieldEffect.NEXT_START },
      { path: 'memory.current_bytes', effect: FieldEffect.NEXT_START, why: expect.stringContaining('must be at most memory.size_bytes') },
    ]);
    expect(domain).toMatchObject({ spec: larger, activeSpec: { memory: { sizeBytes: 64n * mebibyte, currentBytes: 64n * mebibyte } } });
    await expect(verbs.update('web', { spec: larger, updateMask, scope: ChangeScope.LIVE })).rejects.toEqual(reason('FEATURE_UNSUPPORTED'));
  });

  it('of a running domain becomes live as far as it can', async () => {
    await verbs.create('web', { start: true });
    const { domain, outcomes } = updated(await verbs.update('web', { spec, updateMask: ['*'] }));
    expect(outcomes).toEqual(
      [
        { path: 'title', effect: FieldEffect.LIVE, why: '' },
        { path: 'memory.size_bytes', effect: FieldEffect.NEXT_START, why: 'only the balloon can be changed' },
        { path: 'memory.current_bytes', effect: FieldEffect.LIVE, why: '' },
        ...unchanged(outcomes),
      ].toSorted((a, b) => outcomes.findIndex(({ path }) => path === a.path) - outcomes.findIndex(({ path }) => path === b.path)),
    );
    expect(domain).toMatchObject({
      title: 'new',
      spec: { memory: spec.memory },
      activeSpec: { title: 'new', memory: { sizeBytes: 64n * mebibyte, currentBytes: 32n * mebibyte } },
      status: { restartRequired: true },
    });
    expect(agent.world.calls.filter((call) => call.startsWith('apply:'))).toEqual([
      `apply:memory.current_bytes:${domain?.uid}`,
      `apply:${domain?.uid}`,
    ]);
    const back = updated(await verbs.update('web', { spec: { memory: { sizeBytes: 64n * mebibyte } }, updateMask: ['memory.size_bytes'] }));
    expect(back).toMatchObject({ outcomes: [{ effect: FieldEffect.LIVE }], domain: { status: { restartRequired: false } } });
    expect(agent.context.store.runtimes.all().filter(({ uid }) => uid.startsWith('started-from'))).toEqual([]);
  });

  it('that sends back what was read changes nothing, whatever the start has chosen', async () => {
    const { activeSpec, spec: read } = domainIn(await verbs.create('web', { start: true }));
    expect(activeSpec?.clock?.adjustmentSeconds).toBe(42n);
    const all = { updateMask: ['*'], scope: ChangeScope.BOTH };
    expect(unchanged(updated(await verbs.update('web', { spec: read, ...all })).outcomes)).toHaveLength(Object.keys(read ?? {}).length - 1);
    // Nor does what runs, for what runs.
    const running = updated(await verbs.update('web', { spec: activeSpec, updateMask: ['*'], scope: ChangeScope.LIVE }));
    expect(running.outcomes.every(({ effect }) => effect === FieldEffect.UNCHANGED)).toBe(true);
    expect(agent.eventNames()).toBe('defined started');
    await expect(
      verbs.update('web', {
        spec: { clock: { adjustmentSeconds: 7n } },
        updateMask: ['clock.adjustment_seconds'],
        scope: ChangeScope.LIVE,
      }),
    ).rejects.toEqual(reason('FEATURE_UNSUPPORTED'));
  });

  it('refuses what cannot be live where it must be, and changes nothing then', async () => {
    await verbs.create('web', { start: true });
    for (const scope of [ChangeScope.LIVE, ChangeScope.BOTH]) {
      await expect(verbs.update('web', { spec, updateMask: ['title', 'memory'], scope })).rejects.toMatchObject({
        reason: 'FEATURE_UNSUPPORTED',
        violations: [{ field: 'spec.memory.size_bytes', description: 'only the balloon can be changed' }],
      });
    }
    expect(
      updated(await verbs.update('web', { spec, updateMask: ['memory.current_bytes'], scope: ChangeScope.LIVE })).domain?.spec?.memory
        ?.currentBytes,
    ).toBe(64n * mebibyte);
    const config = updated(await verbs.update('web', { spec, updateMask: ['title'], scope: ChangeScope.CONFIG }));
    expect(config.outcomes).toEqual([
      { path: 'title', effect: FieldEffect.NEXT_START, why: 'only the definition for the next start was asked for' },
    ]);
    expect(config.domain?.activeSpec?.title).toBe('');
    expect(config.domain?.status?.restartRequired).toBe(false);
  });

  it('of a transient domain must be live', async () => {
    await verbs.create('web', { transient: true });
    await expect(verbs.update('web', { spec, updateMask: ['memory'] })).rejects.toEqual(reason('FEATURE_UNSUPPORTED'));
    await expect(verbs.update('web', { spec, updateMask: ['title'], scope: ChangeScope.CONFIG })).rejects.toEqual(reason('STATE_INVALID'));
    expect(updated(await verbs.update('web', { spec, updateMask: ['title'] })).domain).toMatchObject({
      title: 'new',
      activeSpec: { title: 'new' },
    });
  });

  it('that only checks changes nothing and says what would be', async () => {
    await verbs.create('web', { start: true });
    const events = agent.events().length;
    expect(updated(await verbs.update('web', { spec, updateMask: ['memory'], validateOnly: true }))).toMatchObject({
      outcomes: [
        { path: 'memory.size_bytes', effect: FieldEffect.NEXT_START },
        { path: 'memory.current_bytes', effect: FieldEffect.LIVE },
      ],
      domain: { spec: { memory: spec.memory } },
    });
    expect(agent.events()).toHaveLength(events);
    expect(entry('web').domain.spec?.memory?.sizeBytes).toBe(64n * mebibyte);
    expect(agent.world.guests.get(entry('web').guest.uid)?.memoryBytes).toBe(64n * mebibyte);
  });

  it('names what is wrong with its mask', async () => {
    await verbs.create('web');
    const wrong = (updateMask: string[] | undefined): Promise<unknown> =>
      expect(verbs.update('web', { spec, ...(updateMask ? { updateMask } : {}) })).rejects.toMatchObject({
        reason: 'REQUEST_INVALID',
        violations: [{ field: 'update_mask' }],
      });
    await wrong(undefined);
    await wrong([]);
    await wrong(['*', 'title']);
    await wrong(['nonsense']);
    await wrong(['hypervisor']);
    await wrong(['memory.nonsense']);
    await wrong(['disks.id']);
    await wrong(['labels.a']);
    await wrong(['__proto__']);
    await wrong(['']);
    expect(agent.eventNames()).toBe('defined');
  });
});

const unchanged = (outcomes: readonly { path: string; effect: FieldEffect; why: string }[]) =>
  outcomes.filter(({ effect }) => effect === FieldEffect.UNCHANGED);

describe('a password', () => {
  const vnc = (over: object) => plainSpec({ graphics: [{ id: 'vnc0', protocol: { $case: 'vnc' as const, value: over } }] });

  it('is used, kept through updates, and told to nobody', async () => {
    const requestId = randomUUID();
    const domain = domainIn(await verbs.create('web', { spec: vnc({ password: 'hunter2' }), requestId, start: true }));
    expect(domain.spec?.graphics[0]?.protocol?.value).toMatchObject({ password: '', passwordSet: true });
    const listened = vnc({ passwordSet: true, port: 5999 });
    expect(
      updated(await verbs.update('web', { spec: listened, updateMask: ['graphics'] })).domain?.spec?.graphics[0]?.protocol?.value,
    ).toMatchObject({ password: '', passwordSet: true, port: 5999 });
    expect(entry('web').domain.spec?.graphics[0]?.protocol?.value).toMatchObject({ password: 'hunter2', passwordSet: false });
    await verbs.destroy('web');
    const { store } = agent.context;
    const told = [
      ...store.journal.read({ after: 0, limit: 1000 }).map((row) => row.body),
      ...store.operations.list({ limit: 100, includeDone: true }).map((row) => row.body),
      ...store.runtimes.all().map((row) => Buffer.from(JSON.stringify(row))),
      Buffer.from(JSON.stringify(store.requests.get(requestId))),
    ].map((bytes) => Buffer.from(bytes).toString('latin1'));
    expect(told.filter((text) => text.includes('hunter2') || text.includes(Buffer.from('hunter2').toString('base64').slice(0, 8)))).toEqual(
      [],
    );
    expect(
      JSON.stringify(viewOf(entry('web').domain, DomainView.FULL), (_, v: unknown) => (typeof v === 'bigint' ? `${v}` : v)),
    ).not.toContain('hunter2');
  });

  it('that is said to be set must be there', async () => {
    const missing = { reason: 'SPEC_INVALID', violations: [{ field: 'spec.graphics[0].vnc.password' }] };
    await expect(verbs.create('web', { spec: vnc({ passwordSet: true }) })).rejects.toMatchObject(missing);
    await verbs.create('web');
    await expect(verbs.update('web', { spec: vnc({ passwordSet: true }), updateMask: ['graphics'] })).rejects.toMatchObject(missing);
  });

  it('goes where a device without one is sent back', async () => {
    await verbs.create('web', { spec: vnc({ password: 'hunter2' }) });
    await verbs.update('web', { spec: vnc({}), updateMask: ['graphics'] });
    expect(entry('web').domain.spec?.graphics[0]?.protocol?.value.password).toBe('');
  });
});

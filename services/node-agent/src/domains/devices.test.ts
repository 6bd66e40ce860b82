import { ChangeScope } from '@virtmesh/contracts/domain/v1/change_scope';
import { DeviceChange } from '@virtmesh/contracts/domain/v1/domain_event';
import { FieldEffect, UpdateDomainResult } from '@virtmesh/contracts/domain/v1/domain_service';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { describe, expect, it } from 'vitest';
import { agentLives } from '../testing/agent-lives.ts';
import { atOnce, faultOf } from '../testing/operation-ends.ts';
import { domainIn, type TestAgent } from '../testing/test-agent.ts';
import { Gate, plainSpec, type Verbs } from '../testing/verbs.ts';

let agent: TestAgent;
let verbs: Verbs;
const { kill } = agentLives((life, of) => {
  [agent, verbs] = [life, of];
});

const entry = (id = 'web') => agent.registry.find(`nodes/n1/domains/${id}`);
const disk = (id: string, path = '/srv/a.img', over: object = {}) => ({
  device: { device: { $case: 'disk' as const, value: { id, source: { source: { $case: 'filePath' as const, value: path } }, ...over } } },
});
const ids = (side: 'spec' | 'activeSpec'): string[] => entry().domain[side]?.disks.map(({ id }) => id) ?? [];
const lastEvents = (count: number) => agent.events().slice(-count);
const make = async (over: object = {}): Promise<string> =>
  domainIn(await verbs.create('web', { start: true, spec: plainSpec({ disks: [{ id: 'disk0' }] }), ...over })).uid;
const { BOTH, CONFIG, LIVE } = ChangeScope;

describe('a device that is attached', () => {
  it('is in both definitions under one id, and the event has them', async () => {
    const uid = await make();
    const domain = domainIn(await verbs.attach('web', disk('')));
    expect(domain.spec?.disks.map(({ id }) => id)).toEqual(['disk0', 'disk1']);
    expect(domain.activeSpec?.disks.map(({ id }) => id)).toEqual(['disk0', 'disk1']);
    expect(agent.world.guest(uid).devices.has('disk1')).toBe(true);
    expect(domain.activeSpec?.disks[1]?.serial).toBe('chosen-1');
    expect(domain.spec?.disks[1]?.serial).toBe('');
    expect(domain.status?.restartRequired).toBe(false);
    const [defined, device] = lastEvents(2);
    expect(defined?.kind).toMatchObject({ $case: 'lifecycle' });
    expect(device).toMatchObject({ full: true, kind: { $case: 'device', value: { id: 'disk1', change: DeviceChange.ATTACHED } } });
    expect(device?.domain?.activeSpec?.disks).toHaveLength(2);
    expect(agent.context.store.runtimes.get(`guest:${uid}`)).toMatchObject({ record: { disk1: 'attach' } });
  });

  it('for the next start alone waits for it', async () => {
    await make();
    const { etag } = entry().domain;
    const domain = domainIn(await verbs.attach('web', { ...disk('disk9'), scope: CONFIG }));
    expect([ids('spec'), ids('activeSpec')]).toEqual([['disk0', 'disk9'], ['disk0']]);
    expect(domain.status?.restartRequired).toBe(true);
    expect(domain.etag).not.toBe(etag);
    expect(lastEvents(1)[0]?.kind?.$case).toBe('lifecycle');
    expect(domainIn(await verbs.detach('web', 'disk9', { scope: CONFIG })).status?.restartRequired).toBe(false);
  });

  it('live alone is gone at the next start, and leaves the etag', async () => {
    await make();
    const { etag } = entry().domain;
    const domain = domainIn(await verbs.attach('web', { ...disk('disk9'), scope: LIVE }));
    expect([ids('spec'), ids('activeSpec')]).toEqual([['disk0'], ['disk0', 'disk9']]);
    expect([domain.etag, domain.status?.restartRequired]).toEqual([etag, false]);
    expect(lastEvents(1)[0]?.kind?.$case).toBe('device');
  });

  it('to a transient domain is live', async () => {
    domainIn(await verbs.create('web', { transient: true }));
    await verbs.attach('web', disk('disk9'));
    expect(ids('activeSpec')).toEqual(['disk9']);
    await expect(verbs.attach('web', { ...disk('disk8'), scope: BOTH })).rejects.toMatchObject({ reason: 'STATE_INVALID' });
    await expect(verbs.attach('web', disk('cold1'))).rejects.toMatchObject({ reason: 'FEATURE_UNSUPPORTED' });
  });

  it('that the driver cannot attach waits for the next start unless it must be live', async () => {
    await make();
    for (const scope of [LIVE, BOTH])
      await expect(verbs.attach('web', { ...disk('cold1'), scope })).rejects.toMatchObject({
        reason: 'FEATURE_UNSUPPORTED',
        metadata: { driver: 'scripted', feature: 'hotplug', why: 'it is a cold one' },
      });
    expect(domainIn(await verbs.attach('web', disk('cold1'))).status?.restartRequired).toBe(true);
    expect([ids('spec'), ids('activeSpec')]).toEqual([['disk0', 'cold1'], ['disk0']]);
  });

  it('is only checked where that is asked for', async () => {
    await make();
    const before = agent.events().length;
    const checked = domainIn(await verbs.attach('web', { ...disk(''), validateOnly: true }));
    expect(checked.spec?.disks.map(({ id }) => id)).toEqual(['disk0', 'disk1']);
    expect([ids('spec'), agent.events().length]).toEqual([['disk0'], before]);
  });

  it('makes no list longer than any definition has it', async () => {
    await make({ start: false, spec: plainSpec({ disks: Array.from({ length: 512 }, () => ({})) }) });
    await expect(verbs.attach('web', disk(''))).rejects.toMatchObject({
      reason: 'SPEC_INVALID',
      violations: [{ field: 'device.disk', description: expect.stringMatching(/^spec\.disks of the definition then has 513/) as string }],
    });
  });

  it('needs the definition that the caller knows', async () => {
    await make();
    await expect(verbs.attach('web', { ...disk('x'), etag: '"0"' })).rejects.toMatchObject({ reason: 'ETAG_MISMATCH' });
  });

  it('is taken out again where a later step fails, or the call is cancelled', async () => {
    const uid = await make();
    agent.world.hooks.set('settle', () => {
      throw new Error('no');
    });
    expect((await verbs.attach('web', disk('disk1'))).state).toBe(OperationState.FAILED);
    const gate = new Gate();
    agent.world.hooks.set('settle', gate.wait);
    const { name } = await verbs.attach('web', { ...disk('disk1'), ...atOnce });
    await gate.reached;
    agent.context.operations.cancel(name.split('/').at(-1) ?? '');
    await agent.settled();
    expect(ids('activeSpec')).toEqual(['disk0']);
    expect(agent.world.guest(uid).devices.has('disk1')).toBe(false);
    expect(agent.world.calls.filter((call) => call.startsWith('undo-attach'))).toHaveLength(2);
  });

  it('gives way to a destroy, and comes to nothing in a guest that ended', async () => {
    await make();
    const gate = new Gate();
    agent.world.hooks.set('attach', gate.wait);
    const attached = verbs.attach('web', disk('disk1'));
    await gate.reached;
    expect((await verbs.destroy('web')).state).toBe(OperationState.SUCCEEDED);
    expect(faultOf(await attached).reason).toBe('OPERATION_PREEMPTED');
    expect(ids('spec')).toEqual(['disk0']);
  });
});

describe('a device that is detached', () => {
  it('leaves both definitions', async () => {
    const uid = await make();
    const domain = domainIn(await verbs.detach('web', 'disk0'));
    expect([domain.spec?.disks, domain.activeSpec?.disks, domain.status?.restartRequired]).toEqual([[], [], false]);
    expect(agent.world.guest(uid).devices.size).toBe(0);
    expect(lastEvents(1)[0]).toMatchObject({ full: true, kind: { value: { id: 'disk0', change: DeviceChange.DETACHED } } });
  });

  it('stays where the guest keeps it, and leaves when the guest lets go', async () => {
    const uid = await make({ spec: plainSpec({ disks: [{ id: 'stuck0' }] }) });
    const fault = faultOf(await verbs.detach('web', 'stuck0', { guestTimeout: { seconds: 1n } }));
    expect([fault.reason, fault.metadata['device'], fault.message]).toEqual(['DEVICE_BUSY', 'stuck0', expect.stringContaining('1000 ms')]);
    expect([ids('spec'), ids('activeSpec')]).toEqual([['stuck0'], ['stuck0']]);
    agent.world.emit({ t: 'device-removed', uid, device: 'stuck0' });
    await agent.settled();
    expect([ids('spec'), ids('activeSpec')]).toEqual([['stuck0'], []]);
    expect(lastEvents(1)[0]).toMatchObject({ full: true, kind: { value: { id: 'stuck0', change: DeviceChange.DETACHED } } });
  });

  it('must be there: in both where both are asked for, in one of them else', async () => {
    await make();
    await verbs.attach('web', { ...disk('live1'), scope: LIVE });
    const missing = { reason: 'DEVICE_NOT_FOUND' };
    await expect(verbs.detach('web', 'live1', { scope: BOTH })).rejects.toMatchObject(missing);
    await expect(verbs.detach('web', 'live1', { scope: CONFIG })).rejects.toMatchObject(missing);
    await expect(verbs.detach('web', 'none')).rejects.toMatchObject({ ...missing, metadata: { device: 'none', devices: 'disk0, live1' } });
    expect(domainIn(await verbs.detach('web', 'live1')).activeSpec?.disks).toHaveLength(1);
  });

  it('that only the running guest has, and cannot let go of, is refused', async () => {
    const uid = await make();
    const now = entry().domain.activeSpec;
    const cold = { ...now?.disks[0], id: 'cold1' };
    agent.registry.change(uid, { domain: { activeSpec: DomainSpec.fromPartial({ ...now, disks: [cold] }) } });
    await expect(verbs.detach('web', 'cold1')).rejects.toMatchObject({ reason: 'FEATURE_UNSUPPORTED' });
  });

  it('from a domain that does not run changes its definition', async () => {
    await make({ start: false });
    await expect(verbs.detach('web', 'disk0', { scope: LIVE })).rejects.toMatchObject({ reason: 'STATE_INVALID' });
    expect(domainIn(await verbs.detach('web', 'disk0')).spec?.disks).toEqual([]);
    expect(agent.eventNames()).toBe('defined defined');
  });
});

describe('a device that is updated', () => {
  const outcomesIn = (operation: Operation) => {
    if (operation.result?.$case !== 'response') throw faultOf(operation);
    return UpdateDomainResult.decode(operation.result.value.value).outcomes;
  };

  it('tells what became of each field that changed', async () => {
    await make({ spec: plainSpec({ disks: [{ id: 'cd0', device: 2 }, { id: 'cold0' }] }) });
    expect(outcomesIn(await verbs.updateDevice('web', { ...disk('cd0', '/srv/b.iso', { device: 2 }), force: true }))).toEqual([
      { path: 'disks[0].source', effect: FieldEffect.LIVE, why: '' },
    ]);
    expect(agent.world.calls.some((call) => call.startsWith('force-update'))).toBe(true);
    expect(lastEvents(1)[0]).toMatchObject({ full: true, kind: { value: { id: 'cd0', change: DeviceChange.UPDATED } } });
    expect(outcomesIn(await verbs.updateDevice('web', disk('cold0')))).toEqual([
      { path: 'disks[1].source', effect: FieldEffect.NEXT_START, why: 'it is a cold one' },
    ]);
    expect(entry().domain.status?.restartRequired).toBe(true);
    const events = agent.events().length;
    expect(outcomesIn(await verbs.updateDevice('web', { ...disk('cd0', '/srv/b.iso', { device: 2 }), scope: CONFIG }))).toEqual([
      { path: 'disks[0]', effect: FieldEffect.UNCHANGED, why: '' },
    ]);
    expect(agent.events()).toHaveLength(events);
    expect(
      outcomesIn(await verbs.updateDevice('web', { ...disk('cd0', '/srv/c.iso', { device: 2 }), scope: CONFIG, validateOnly: true })),
    ).toEqual([{ path: 'disks[0].source', effect: FieldEffect.NEXT_START, why: 'the change is not for the running guest' }]);
  });

  it('must be one of its kind', async () => {
    await make();
    const rng = { device: { device: { $case: 'rng' as const, value: { id: 'disk0' } } } };
    await expect(verbs.updateDevice('web', rng)).rejects.toMatchObject({ reason: 'DEVICE_NOT_FOUND' });
  });
});

describe('a change of a device that a kill cut short', () => {
  it.each(['attach', 'settle'])('at %s is made by the next life', async (place) => {
    const uid = await make();
    agent.world.hooks.set(place, () => new Promise(() => {}));
    const { name } = await verbs.attach('web', { ...disk(''), ...atOnce });
    await kill();
    const ended = await agent.context.operations.wait(name.split('/').at(-1) ?? '', AbortSignal.timeout(5_000), 5_000);
    expect(ended.state).toBe(OperationState.SUCCEEDED);
    expect([ids('spec'), ids('activeSpec')]).toEqual([
      ['disk0', 'disk1'],
      ['disk0', 'disk1'],
    ]);
    expect(agent.world.guest(uid).devices.has('disk1')).toBe(true);
  });

  it('and had been cancelled is taken back by the next life', async () => {
    const uid = await make();
    agent.world.hooks.set('settle', () => new Promise(() => {}));
    const { name } = await verbs.attach('web', { ...disk('disk1'), ...atOnce });
    const id = name.split('/').at(-1) ?? '';
    agent.context.operations.cancel(id);
    await kill();
    const ended = await agent.context.operations.wait(id, AbortSignal.timeout(5_000), 5_000);
    expect(ended.state).toBe(OperationState.CANCELLED);
    expect(agent.world.guest(uid).devices.has('disk1')).toBe(false);
    expect(ids('activeSpec')).toEqual(['disk0']);
  });
});

import { randomUUID } from 'node:crypto';
import type { Fault } from '@virtmesh/base';
import { DomainState, DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { SetDomainAutostartRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { idleMachine } from '../support/domain-specs.ts';
import { eventLabel } from '../support/event-label.ts';
import { brokenRules } from '../support/event-rules.ts';
import { isAlive } from '../support/host-traces.ts';
import { TestSystem } from '../support/system.ts';
import type { TestClient } from '../support/test-client.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await TestSystem.start({ fleet: true });
});
afterAll(async () => system[Symbol.asyncDispose]());

describe.each(['agent', 'fleet'] as const)('the lifecycle, asked of the %s', (scope) => {
  let client: TestClient;
  beforeAll(async () => {
    client = await system.client(scope);
  });

  /** What happened to a domain, once all up to its last change is in the stream. */
  async function storyOf(uid: string, last: string): Promise<string[]> {
    await system.tape.untilStory(uid, last);
    return system.tape.story(uid);
  }

  it('defines, starts, suspends, resumes, destroys and undefines', async () => {
    const id = `whole-${scope}`;
    const defined = await client.create(id, idleMachine({ title: 'the whole life' }));
    expect(defined).toMatchObject({
      name: client.name(id),
      persistent: true,
      hypervisor: 'qemu',
      title: 'the whole life',
      status: { state: DomainState.SHUTOFF, reason: DomainStateReason.DEFINED, pid: 0n },
    });
    expect(defined.activeSpec).toBeUndefined();

    const running = await client.start(id);
    expect(running.status).toMatchObject({
      state: DomainState.RUNNING,
      reason: DomainStateReason.BOOTED,
      startCount: 1n,
      accelerator: 'tcg',
      vcpus: 1,
    });
    expect(running.activeSpec).toBeDefined();
    const pid = Number(running.status?.pid);
    expect(await isAlive(pid)).toBe(true);

    const suspended = await client.suspend(id);
    expect(suspended.status).toMatchObject({ state: DomainState.PAUSED, reason: DomainStateReason.USER, pid: BigInt(pid) });
    const resumed = await client.resume(id);
    expect(resumed.status).toMatchObject({ state: DomainState.RUNNING, reason: DomainStateReason.UNPAUSED, pid: BigInt(pid) });

    const ended = await client.destroy(id);
    expect(ended.status).toMatchObject({ state: DomainState.SHUTOFF, reason: DomainStateReason.DESTROYED, pid: 0n });
    expect(ended.activeSpec).toBeUndefined();
    expect(await isAlive(pid)).toBe(false);
    expect(await system.traces(defined.uid)).toEqual([]);

    await client.delete(id);
    await expect(client.get(id)).rejects.toMatchObject({ reason: 'DOMAIN_NOT_FOUND' });
    expect(await storyOf(defined.uid, 'undefined removed')).toEqual([
      'defined added',
      'started booted',
      'suspended paused',
      'resumed unpaused',
      'stopped destroyed',
      'undefined removed',
    ]);
  });

  it('says in each event who asked for it, and by which operation', async () => {
    const id = `asked-${scope}`;
    const requestId = randomUUID();
    const { uid } = await client.create(id, idleMachine(), { requestId });
    await client.delete(id);
    const removed = await system.tape.untilStory(uid, 'undefined removed');
    const [added] = system.tape.domains(uid);
    expect(added?.context).toMatchObject({
      requestor: 'virtmesh://local',
      requestId,
      source: 'nodes/n1',
      subject: client.name(id),
      type: 'io.virtmesh.domain.defined.v1',
    });
    for (const event of [added, removed]) {
      const operation = await client.connection.operations.getOperation({ name: event?.context?.operation ?? '' });
      expect(operation).toMatchObject({ targetUid: uid, requestor: 'virtmesh://local' });
    }
    expect(removed.gone).toBe(true);
    expect(added).toMatchObject({ gone: false, full: true });
    expect(added?.domain?.spec?.memory?.sizeBytes).toBe(32n * 1024n * 1024n);
  });

  it('creates and starts in one call', async () => {
    const id = `once-${scope}`;
    const domain = await client.run(id, idleMachine());
    expect(domain).toMatchObject({ persistent: true, status: { state: DomainState.RUNNING } });
    await client.remove(id);
    expect(await storyOf(domain.uid, 'undefined removed')).toEqual([
      'defined added',
      'started booted',
      'stopped destroyed',
      'undefined removed',
    ]);
  });

  it('keeps a transient domain no longer than it runs', async () => {
    const id = `transient-${scope}`;
    const domain = await client.create(id, idleMachine(), { transient: true });
    expect(domain).toMatchObject({ persistent: false, status: { state: DomainState.RUNNING } });
    expect(domain.spec).toBeUndefined();
    expect(domain.activeSpec).toBeDefined();
    await expect(client.delete(id)).rejects.toMatchObject({ reason: 'STATE_INVALID' });
    await client.destroy(id, { force: true });
    await expect(client.get(id)).rejects.toMatchObject({ reason: 'DOMAIN_NOT_FOUND' });
    expect(await storyOf(domain.uid, 'stopped destroyed')).toEqual(['started booted', 'stopped destroyed']);
    expect(system.tape.domains(domain.uid).at(-1)).toMatchObject({ gone: true });
    expect(await system.traces(domain.uid)).toEqual([]);
  });

  it('starts paused, and runs when it is resumed', async () => {
    const id = `paused-${scope}`;
    const domain = await client.create(id, idleMachine(), { startPaused: true });
    expect(domain.status).toMatchObject({ state: DomainState.PAUSED, reason: DomainStateReason.STARTING_UP });
    expect((await client.resume(id)).status).toMatchObject({ state: DomainState.RUNNING });
    await client.destroy(id, { force: true });
    expect((await client.start(id, { paused: true })).status).toMatchObject({
      state: DomainState.PAUSED,
      reason: DomainStateReason.STARTING_UP,
      startCount: 2n,
    });
    await client.remove(id);
    expect(await storyOf(domain.uid, 'undefined removed')).toEqual([
      'defined added',
      'started booted',
      'suspended paused',
      'resumed unpaused',
      'stopped destroyed',
      'started booted',
      'suspended paused',
      'stopped destroyed',
      'undefined removed',
    ]);
  });

  it('only checks when asked to', async () => {
    const checked = await client.create('checked', idleMachine(), { validateOnly: true, start: true });
    expect(checked).toMatchObject({ name: client.name('checked'), hypervisor: 'qemu' });
    expect(checked.spec?.machine).toMatch(/^pc-q35-/);
    await expect(client.get('checked')).rejects.toMatchObject({ reason: 'DOMAIN_NOT_FOUND' });
    await expect(client.create('checked', idleMachine({ memory: { sizeBytes: 5n } }), { validateOnly: true })).rejects.toMatchObject({
      reason: 'SPEC_INVALID',
      violations: expect.arrayContaining([expect.objectContaining({ field: 'spec.memory.size_bytes' })]) as unknown,
    });
  });

  it('refuses what its state does not allow, and leaves alone what is as wanted', async () => {
    const id = `refused-${scope}`;
    await client.create(id, idleMachine());
    await expect(client.create(id, idleMachine())).rejects.toMatchObject({ reason: 'DOMAIN_EXISTS' });
    for (const refused of [client.suspend(id), client.resume(id), client.reboot(id), client.shutdown(id)])
      await expect(refused).rejects.toMatchObject({ reason: 'STATE_INVALID' });
    expect((await client.destroy(id)).status).toMatchObject({ state: DomainState.SHUTOFF, reason: DomainStateReason.DEFINED });
    await client.start(id);
    await expect(client.start(id)).rejects.toMatchObject({ reason: 'STATE_INVALID', metadata: { state: 'RUNNING' } });
    const before = await client.get(id);
    expect(await client.resume(id)).toMatchObject({ revision: before.revision });
    await expect(client.delete(id)).rejects.toMatchObject({ reason: 'STATE_INVALID' });
    await client.remove(id);
  });

  it('undefines one that runs and lets it go on, or ends it', async () => {
    const id = `goes-on-${scope}`;
    const { uid } = await client.run(id, idleMachine());
    const { status } = await client.get(id);
    await client.delete(id, { keepRunning: true });
    expect(await client.get(id)).toMatchObject({ persistent: false, status: { state: DomainState.RUNNING, pid: status?.pid } });
    await client.destroy(id, { force: true });
    expect(await storyOf(uid, 'stopped destroyed')).toEqual(['defined added', 'started booted', 'undefined removed', 'stopped destroyed']);
  });

  it('takes a start back whole when it fails', async () => {
    const id = `fails-${scope}`;
    const { uid } = await client.create(id, idleMachine({ qemu: { args: ['-device', 'no-such-device'] } }));
    const failed = await client.start(id).then(
      () => undefined,
      (thrown: unknown) => thrown as Fault,
    );
    expect(failed).toMatchObject({ reason: 'HYPERVISOR_FAILED' });
    expect(failed?.message).toContain('no-such-device');
    const domain = await client.get(id);
    expect(domain.status).toMatchObject({ state: DomainState.SHUTOFF, reason: DomainStateReason.FAILED, pid: 0n });
    expect(domain.status?.message).toContain('no-such-device');
    expect(await system.traces(uid)).toEqual([]);
    await client.delete(id);
    expect(await storyOf(uid, 'undefined removed')).toEqual(['defined added', 'stopped failed', 'undefined removed']);

    await expect(client.run(`${id}-once`, idleMachine({ qemu: { args: ['-device', 'no-such-device'] } }))).rejects.toMatchObject({
      reason: 'HYPERVISOR_FAILED',
    });
    await expect(client.get(`${id}-once`)).rejects.toMatchObject({ reason: 'DOMAIN_NOT_FOUND' });
  });

  it('sets autostart', async () => {
    const id = `auto-${scope}`;
    const { etag, uid } = await client.create(id, idleMachine());
    const { domains } = client.connection;
    const set = await domains.setDomainAutostart(SetDomainAutostartRequest.fromPartial({ name: client.name(id), autostart: true, etag }));
    expect(set.autostart).toBe(true);
    expect(set.etag).not.toBe(etag);
    await expect(
      domains.setDomainAutostart(SetDomainAutostartRequest.fromPartial({ name: client.name(id), autostart: false, etag })),
    ).rejects.toMatchObject({ reason: 'ETAG_MISMATCH' });
    expect(await client.get(id)).toMatchObject({ autostart: true, etag: set.etag });
    await client.delete(id, { etag: set.etag });
    expect(await storyOf(uid, 'undefined removed')).toEqual(['defined added', 'defined updated', 'undefined removed']);
  });

  it('answers by uid and over all nodes', async () => {
    const id = `named-${scope}`;
    const { uid } = await client.create(id, idleMachine());
    for (const name of [`nodes/n1/domains/uid:${uid}`, `nodes/-/domains/uid:${uid}`, `nodes/-/domains/${id}`]) {
      expect((await client.connection.domains.getDomain({ name, view: 0 })).name).toBe(client.name(id));
    }
    await client.delete(id);
  });
});

it('published all of it once, in the order of the journal', async () => {
  const client = await system.client();
  const { revision, uid } = await client.create('last', idleMachine());
  await system.tape.reached(revision);
  expect(brokenRules(system.tape.events)).toEqual([]);
  expect(system.tape.domains(uid).map(eventLabel)).toEqual(['defined added']);
});

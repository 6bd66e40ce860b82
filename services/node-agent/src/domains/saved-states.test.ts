import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DomainState, DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { type DomainEvent, LifecycleEventDetail } from '@virtmesh/contracts/domain/v1/domain_event';
import { DumpDomainResult } from '@virtmesh/contracts/domain/v1/saved_state';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { describe, expect, it } from 'vitest';
import { agentLives } from '../testing/agent-lives.ts';
import { atOnce, ended, faultOf, idOf, never } from '../testing/operation-ends.ts';
import { domainIn, type TestAgent, testCall } from '../testing/test-agent.ts';
import { Gate, mebibyte, plainSpec, type Verbs, verbsOf } from '../testing/verbs.ts';

let agent: TestAgent;
let verbs: Verbs;
const { kill } = agentLives((life, of) => {
  [agent, verbs] = [life, of];
});

const entry = (id = 'web') => agent.registry.find(`nodes/n1/domains/${id}`);
const make = async (over: object = {}): Promise<string> => domainIn(await verbs.create('web', { start: true, ...over })).uid;
const at = (name: string): string => join(agent.world.files, name);
const managed = (): string[] => (existsSync(at('saved')) ? readdirSync(at('saved')) : []);
const details = (): LifecycleEventDetail[] =>
  agent.events().flatMap(({ kind }: DomainEvent) => (kind?.$case === 'lifecycle' ? [kind.value.detail] : []));

describe('a guest that is saved', () => {
  it('ends with its state in a file of the agent alone, and goes on from it', async () => {
    const uid = await make();
    const saved = domainIn(await verbs.save('web', { path: at('web.state') }));
    expect(saved.status).toMatchObject({ state: DomainState.SHUTOFF, reason: DomainStateReason.SAVED, managedSave: false, job: '' });
    expect(agent.eventNames()).toBe('defined started suspended stopped');
    expect(details().at(-1)).toBe(LifecycleEventDetail.SAVED);
    expect(agent.events().every(({ context, kind }) => kind?.$case === 'state' || context?.requestor !== '')).toBe(true);
    expect([agent.world.guests.size, agent.world.held.size]).toEqual([0, 0]);
    expect(statSync(at('web.state')).mode & 0o777).toBe(0o600);
    expect(readdirSync(agent.world.files)).toEqual(['web.state']);
    const restored = domainIn(await verbs.restore(at('web.state')));
    expect(restored.status).toMatchObject({ state: DomainState.RUNNING, reason: DomainStateReason.RESTORED, startCount: 2n });
    expect([restored.uid, agent.world.guest(uid).restored]).toEqual([uid, true]);
    expect(details().at(-1)).toBe(LifecycleEventDetail.RESTORED);
    expect(existsSync(at('web.state'))).toBe(true);
  });

  it('is a new transient domain where there is none of its uid', async () => {
    const uid = await make();
    await verbs.save('web', { path: at('web.state') });
    await verbs.delete('web');
    const restored = domainIn(await verbs.restore(at('web.state'), { paused: true }));
    expect(restored).toMatchObject({ name: 'nodes/n1/domains/web', uid, persistent: false });
    expect(restored.status).toMatchObject({ state: DomainState.PAUSED, reason: DomainStateReason.STARTING_UP });
    expect(details().slice(-2)).toEqual([LifecycleEventDetail.RESTORED, LifecycleEventDetail.PAUSED]);
    await verbs.destroy('web');
    domainIn(await verbs.create('web'));
    await expect(verbs.restore(at('web.state'))).rejects.toMatchObject({ reason: 'DOMAIN_EXISTS' });
  });

  it('stays paused if it was', async () => {
    await make();
    await verbs.suspend('web');
    await verbs.save('web');
    expect(domainIn(await verbs.start('web')).status?.state).toBe(DomainState.PAUSED);
  });

  it('has the changes that had become live, and still waits for the others', async () => {
    await make();
    await verbs.update('web', { spec: { memory: { sizeBytes: 128n * mebibyte, currentBytes: 32n * mebibyte } }, updateMask: ['memory'] });
    await verbs.save('web');
    const { activeSpec, status } = domainIn(await verbs.start('web'));
    expect([activeSpec?.memory, status?.restartRequired]).toMatchObject([
      { sizeBytes: 64n * mebibyte, currentBytes: 32n * mebibyte },
      true,
    ]);
  });

  it('goes on as before where the save fails, or is cancelled', async () => {
    const uid = await make();
    agent.world.hooks.set('save', () => {
      throw new Error('no');
    });
    expect((await verbs.save('web', { path: at('a') })).state).toBe(OperationState.FAILED);
    const gate = new Gate();
    agent.world.hooks.set('save', gate.wait);
    const saving = await verbs.save('web', { path: at('b'), ...atOnce });
    await gate.reached;
    await expect
      .poll(() => entry().domain.status)
      .toMatchObject({ job: saving.name, state: DomainState.PAUSED, reason: DomainStateReason.JOB });
    agent.context.operations.cancel(idOf(saving));
    expect((await ended(agent, saving)).state).toBe(OperationState.CANCELLED);
    await agent.settled();
    expect(entry().domain.status).toMatchObject({ job: '', state: DomainState.RUNNING });
    expect(agent.world.guest(uid).state).toBe('running');
    expect(readdirSync(agent.world.files)).toEqual([]);
  });

  it('goes on as before where its bytes cannot be kept', async () => {
    const uid = await make();
    let passes = 0;
    agent.world.hooks.set('save', () => {
      passes += 1;
      // Somebody else makes a file of that name meanwhile.
      if (passes === 2) writeFileSync(at('a'), 'theirs');
    });
    expect(faultOf(await verbs.save('web', { path: at('a') }))).toMatchObject({ reason: 'RESOURCE_IN_USE', metadata: { path: at('a') } });
    await agent.settled();
    expect(agent.world.guest(uid).state).toBe('running');
    expect(readFileSync(at('a'), 'utf8')).toBe('theirs');
    expect(readdirSync(agent.world.files)).toEqual(['a']);
  });

  it('holds off all others, but not its destruction', async () => {
    const uid = await make();
    const gate = new Gate();
    agent.world.hooks.set('save', gate.wait);
    const saving = await verbs.save('web', { ...atOnce });
    await gate.reached;
    const held = { reason: 'JOB_CONFLICT' };
    await expect(verbs.suspend('web')).rejects.toMatchObject(held);
    await expect(verbs.save('web')).rejects.toMatchObject(held);
    await expect(verbs.detach('web', 'x', { scope: 2 })).rejects.toMatchObject({ reason: 'DEVICE_NOT_FOUND' });
    expect((await verbs.autostart('web', true)).state).toBe(OperationState.SUCCEEDED);
    expect((await verbs.destroy('web')).state).toBe(OperationState.SUCCEEDED);
    expect(faultOf(await ended(agent, saving)).reason).toBe('OPERATION_PREEMPTED');
    await agent.settled();
    expect(entry().domain.status).toMatchObject({ reason: DomainStateReason.DESTROYED, managedSave: false, job: '' });
    expect([agent.world.guests.has(uid), managed()]).toEqual([false, []]);
  });

  it('and ends by itself is not saved', async () => {
    const uid = await make();
    agent.world.hooks.set('save', () => agent.world.end(uid, 'crashed', 'it fell'));
    expect((await verbs.save('web')).state).toBe(OperationState.FAILED);
    await agent.settled();
    expect(entry().domain.status).toMatchObject({ reason: DomainStateReason.CRASHED, managedSave: false });
    await expect.poll(managed).toEqual([]);
  });
});

describe('the state that the agent keeps', () => {
  it('is taken up by the next start, once', async () => {
    const uid = await make();
    expect(domainIn(await verbs.save('web')).status?.managedSave).toBe(true);
    expect(managed()).toEqual([uid]);
    const started = domainIn(await verbs.start('web'));
    expect(started.status).toMatchObject({ reason: DomainStateReason.RESTORED, managedSave: false });
    expect(agent.world.guest(uid).restored).toBe(true);
    await expect.poll(managed).toEqual([]);
    await verbs.destroy('web');
    expect(domainIn(await verbs.start('web')).status?.reason).toBe(DomainStateReason.BOOTED);
  });

  it('is forgotten by a boot that is forced, by a caller, and with the domain', async () => {
    await make();
    await verbs.save('web');
    expect(domainIn(await verbs.start('web', { forceBoot: true })).status).toMatchObject({
      reason: DomainStateReason.BOOTED,
      managedSave: false,
    });
    await expect.poll(managed).toEqual([]);
    await verbs.save('web');
    expect(domainIn(await verbs.removeManagedSave('web')).status?.managedSave).toBe(false);
    const events = agent.events().length;
    expect(domainIn(await verbs.removeManagedSave('web')).status?.managedSave).toBe(false);
    expect(agent.events()).toHaveLength(events);
    await expect.poll(managed).toEqual([]);
    await verbs.start('web');
    await verbs.save('web');
    await expect(verbs.delete('web')).rejects.toMatchObject({
      reason: 'STATE_INVALID',
      message: expect.stringContaining('`managed_save`'),
    });
    await expect(verbs.delete('web', { destroy: true })).rejects.toMatchObject({ reason: 'STATE_INVALID' });
    expect(managed()).toHaveLength(1);
    await verbs.delete('web', { managedSave: true });
    await expect.poll(managed).toEqual([]);
  });

  it('is forgotten where the domain goes on from another one', async () => {
    await make();
    await verbs.save('web', { path: at('a') });
    await verbs.restore(at('a'));
    await verbs.save('web');
    expect(domainIn(await verbs.restore(at('a'))).status).toMatchObject({ reason: DomainStateReason.RESTORED, managedSave: false });
    await expect.poll(managed).toEqual([]);
  });

  it('is not kept for a transient domain', async () => {
    await make({ transient: true });
    await expect(verbs.save('web')).rejects.toMatchObject({ reason: 'STATE_INVALID' });
    expect((await verbs.save('web', { path: at('t') })).state).toBe(OperationState.SUCCEEDED);
    expect(agent.registry.size).toBe(0);
  });

  it('stays where a start cannot take it up', async () => {
    const uid = await make();
    await verbs.save('web');
    const file = join(at('saved'), uid);
    const whole = readFileSync(file);
    const bytes = Buffer.from(whole);
    bytes.write('other', bytes.length - 5);
    writeFileSync(file, bytes);
    expect(faultOf(await verbs.start('web')).reason).toBe('SAVED_STATE_INVALID');
    expect(entry().domain.status).toMatchObject({ reason: DomainStateReason.FAILED, managedSave: true });
    truncateSync(file, bytes.length - 1);
    const cut = faultOf(await verbs.start('web'));
    expect([cut.reason, cut.message]).toEqual(['SAVED_STATE_INVALID', expect.stringMatching(/cut short.*force_boot/)]);
    writeFileSync(file, whole);
    await verbs.update('web', { spec: { memory: { sizeBytes: 65n * mebibyte } }, updateMask: ['memory.size_bytes'] });
    const { message } = faultOf(await verbs.start('web'));
    expect(message).toMatch(/definition of .* not the one.*force_boot/);
    expect(message.match(/force_boot/g)).toHaveLength(1);
    await verbs.update('web', { spec: { title: 'x', memory: { sizeBytes: 64n * mebibyte } }, updateMask: ['memory.size_bytes', 'title'] });
    expect((await verbs.start('web')).state).toBe(OperationState.SUCCEEDED);
  });
});

describe('a file that is no state that can be taken up', () => {
  const broken = async (): Promise<unknown> => verbs.restore(at('x')).catch((thrown: unknown) => thrown);

  it.each([
    ['is not there', () => {}, 'no such file'],
    ['is a directory', () => mkdirSync(at('x')), 'not a regular file'],
    ['is a symlink', () => symlinkSync('/etc/passwd', at('x')), 'symlink'],
    ['is something else', () => writeFileSync(at('x'), 'x'.repeat(100)), 'not the file of a saved state'],
    ['is empty', () => writeFileSync(at('x'), ''), 'not the file of a saved state'],
    [
      'is of another format',
      () => writeFileSync(at('x'), Buffer.concat([Buffer.from('vmshsave\0\0\0\x07'), Buffer.alloc(40)])),
      'version 7',
    ],
  ])('because it %s', async (_how, write, words) => {
    write();
    expect(await broken()).toMatchObject({
      reason: 'SAVED_STATE_INVALID',
      metadata: { path: at('x'), why: expect.stringContaining(words) as string },
    });
  });

  it('has a definition that needs another role', async () => {
    await make({ spec: plainSpec({ qemu: { args: ['-x'] } }) });
    await verbs.save('web', { path: at('x') });
    const admin = verbsOf(agent, testCall({ role: 'admin' }));
    await expect(admin.restore(at('x'))).rejects.toMatchObject({ reason: 'PERMISSION_DENIED' });
  });
});

describe('a path', () => {
  it.each([
    ['relative', 'x', 'absolute'],
    ['with segments that lead up', '/a/../b', '`..`'],
    ['elsewhere', '/etc/x', 'below an allowed directory'],
  ])('%s is refused', async (_what, path, words) => {
    await make();
    const refused = { reason: 'REQUEST_INVALID', violations: [{ field: 'path', description: expect.stringContaining(words) as string }] };
    await expect(verbs.save('web', { path })).rejects.toMatchObject(refused);
    await expect(verbs.dump('web', path)).rejects.toMatchObject(refused);
    await expect(verbs.restore(path)).rejects.toMatchObject(refused);
  });

  it('that leads out of the allowed directories, is taken, or has no directory is refused', async () => {
    await make();
    symlinkSync('/tmp', at('out'));
    writeFileSync(at('taken'), '');
    symlinkSync('/nowhere', at('dangling'));
    await expect(verbs.save('web', { path: at('out/x') })).rejects.toMatchObject({
      violations: [{ description: expect.stringContaining('truly lies') as string }],
    });
    await expect(verbs.save('web', { path: at('none/x') })).rejects.toMatchObject({
      violations: [{ description: expect.stringContaining('make it first') as string }],
    });
    for (const name of ['taken', 'dangling'])
      await expect(verbs.save('web', { path: at(name) })).rejects.toMatchObject({ reason: 'RESOURCE_IN_USE' });
  });
});

describe('a dump', () => {
  const resultIn = (operation: Operation) => {
    if (operation.result?.$case !== 'response') throw faultOf(operation);
    return DumpDomainResult.decode(operation.result.value.value);
  };

  it('is a file, and the guest goes on', async () => {
    const uid = await make();
    const text = `live memory of ${uid}`;
    expect(resultIn(await verbs.dump('web', at('core'), { live: true }))).toEqual({ path: at('core'), sizeBytes: BigInt(text.length) });
    expect(readFileSync(at('core'), 'utf8')).toBe(text);
    expect(entry().domain.status).toMatchObject({ state: DomainState.RUNNING, job: '' });
    await expect(verbs.dump('web', at('core'))).rejects.toMatchObject({ reason: 'RESOURCE_IN_USE' });
    await expect(verbs.dump('web', at('z'), { format: 2 })).rejects.toMatchObject({ reason: 'FEATURE_UNSUPPORTED' });
  });

  it('of which a part is written is removed at a failure, a cancel, or a kill', async () => {
    const uid = await make();
    agent.world.hooks.set('dump', () => {
      throw new Error('no');
    });
    expect((await verbs.dump('web', at('core'))).state).toBe(OperationState.FAILED);
    const gate = new Gate();
    agent.world.hooks.set('dump', gate.wait);
    const cancelled = await verbs.dump('web', at('core'), atOnce);
    await gate.reached;
    agent.context.operations.cancel(idOf(cancelled));
    expect((await ended(agent, cancelled)).state).toBe(OperationState.CANCELLED);
    agent.world.hooks.set('dump', never);
    const cut = await verbs.dump('web', at('core'), atOnce);
    await expect.poll(() => readdirSync(agent.world.files)).toEqual([`core.partial-${idOf(cut)}`]);
    await kill();
    expect(faultOf(await ended(agent, cut)).reason).toBe('OPERATION_PREEMPTED');
    expect([readdirSync(agent.world.files), agent.world.guest(uid).state]).toEqual([[], 'running']);
  });
});

describe('a kill of the agent', () => {
  it('in the middle of a save leaves a guest that goes on, and no part of a file', async () => {
    const uid = await make();
    let passes = 0;
    agent.world.hooks.set('save', () => (++passes === 2 ? never() : undefined));
    const cut = await verbs.save('web', { path: at('a'), ...atOnce });
    await expect.poll(() => passes).toBe(2);
    await kill();
    expect(faultOf(await ended(agent, cut))).toMatchObject({ reason: 'OPERATION_PREEMPTED' });
    await agent.settled();
    expect([readdirSync(agent.world.files), agent.world.guest(uid).state]).toEqual([[], 'running']);
    expect(entry().domain.status).toMatchObject({ state: DomainState.RUNNING, job: '' });
    expect(domainIn(await verbs.save('web', { path: at('a') })).status?.reason).toBe(DomainStateReason.SAVED);
  });

  it('in the middle of a save that was cancelled does too', async () => {
    const uid = await make();
    agent.world.hooks.set('save', never);
    const cut = await verbs.save('web', atOnce);
    await expect.poll(managed).toHaveLength(1);
    agent.context.operations.cancel(idOf(cut));
    await kill();
    expect((await ended(agent, cut)).state).toBe(OperationState.CANCELLED);
    await agent.settled();
    expect([managed(), agent.world.guest(uid).state]).toEqual([[], 'running']);
  });

  it.each(['destroy', 'release'])('at the %s of a guest whose state is safe completes the save', async (place) => {
    const uid = await make();
    agent.world.hooks.set(place, never);
    const cut = await verbs.save('web', atOnce);
    await expect.poll(() => agent.world.calls.some((call) => call.startsWith(`${place}:`))).toBe(true);
    await kill();
    expect((await ended(agent, cut)).state).toBe(OperationState.SUCCEEDED);
    await agent.settled();
    expect(entry().domain.status).toMatchObject({ state: DomainState.SHUTOFF, reason: DomainStateReason.SAVED, managedSave: true });
    expect([managed(), agent.world.guests.size, agent.world.held.size]).toEqual([[uid], 0, 0]);
    expect(details().at(-1)).toBe(LifecycleEventDetail.SAVED);
    expect(domainIn(await verbs.start('web')).status?.reason).toBe(DomainStateReason.RESTORED);
  });

  it('that finds a restored guest running tells of it as such, and forgets the state', async () => {
    const uid = await make();
    await verbs.save('web');
    agent.world.hooks.set('run', never);
    const cut = await verbs.start('web', atOnce);
    await expect.poll(() => agent.world.guests.get(uid)?.letGo).toBe(true);
    await kill();
    expect((await ended(agent, cut)).state).toBe(OperationState.SUCCEEDED);
    expect(entry().domain.status).toMatchObject({ reason: DomainStateReason.RESTORED, managedSave: false });
    expect(details().at(-1)).toBe(LifecycleEventDetail.RESTORED);
    await expect.poll(managed).toEqual([]);
  });

  it('leaves a file that nobody knows any more to the next life, which removes it', async () => {
    const uid = await make();
    await verbs.save('web');
    writeFileSync(join(at('saved'), 'f0e9d8c7-0000-4000-8000-000000000000'), 'x');
    await kill();
    await expect.poll(managed).toEqual([uid]);
  });

  it('in a restore that makes a domain goes on with it', async () => {
    await make();
    await verbs.save('web', { path: at('a') });
    await verbs.delete('web');
    agent.world.hooks.set('spawn', never);
    const cut = await verbs.restore(at('a'), atOnce);
    await expect.poll(() => agent.world.guests.size).toBe(1);
    await kill();
    expect((await ended(agent, cut)).state).toBe(OperationState.SUCCEEDED);
    expect(entry().domain).toMatchObject({ persistent: false, status: { reason: DomainStateReason.RESTORED } });
  });
});

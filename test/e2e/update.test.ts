import { ChangeScope } from '@virtmesh/contracts/domain/v1/change_scope';
import { FieldEffect } from '@virtmesh/contracts/domain/v1/domain_service';
import { LifecycleAction } from '@virtmesh/contracts/domain/v1/lifecycle';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileDisk, idleMachine, mebibyte } from '../support/domain-specs.ts';
import { eventLabel } from '../support/event-label.ts';
import { makeDisk } from '../support/guest-image.ts';
import { TestSystem } from '../support/system.ts';
import type { TestClient } from '../support/test-client.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await TestSystem.start({ fleet: true });
});
afterAll(async () => system[Symbol.asyncDispose]());

describe.each(['agent', 'fleet'] as const)('updates, asked of the %s', (scope) => {
  let client: TestClient;
  beforeAll(async () => {
    client = await system.client(scope);
  });

  it('changes what the mask names, and nothing else', async () => {
    const id = `mask-${scope}`;
    const made = await client.create(id, idleMachine({ title: 'before', description: 'stays', labels: { a: '1' } }));
    const { domain, outcomes } = await client.update(id, ['title', 'labels'], {
      title: 'after',
      description: 'ignored',
      labels: { b: '2' },
    });
    expect(domain).toMatchObject({
      title: 'after',
      labels: { b: '2' },
      spec: { title: 'after', description: 'stays', labels: { b: '2' } },
    });
    expect(outcomes).toEqual([
      { path: 'title', effect: FieldEffect.NEXT_START, why: '' },
      { path: 'labels', effect: FieldEffect.NEXT_START, why: '' },
    ]);
    expect(domain?.etag).not.toBe(made.etag);
    await system.tape.untilStory(made.uid, 'defined updated');
    const told = system.tape.domains(made.uid).at(-1);
    expect(told).toMatchObject({ full: true, domain: { spec: { title: 'after' } } });
    await client.delete(id);
  });

  it('is refused where the definition has changed since it was read', async () => {
    const id = `etag-${scope}`;
    const { etag } = await client.create(id, idleMachine());
    await client.update(id, ['title'], { title: 'first' }, { etag });
    await expect(client.update(id, ['title'], { title: 'second' }, { etag })).rejects.toMatchObject({ reason: 'ETAG_MISMATCH' });
    await expect(client.delete(id, { etag })).rejects.toMatchObject({ reason: 'ETAG_MISMATCH' });
    const now = await client.get(id);
    expect(now.title).toBe('first');
    await client.start(id);
    expect((await client.get(id)).etag, 'the state is no part of the definition').toBe(now.etag);
    await client.remove(id);
  });

  it('tells for each field what is live and what waits', async () => {
    const id = `live-${scope}`;
    const path = `${system.disks}/${id}.raw`;
    await makeDisk(path, mebibyte, 'raw');
    const { uid } = await client.run(id, idleMachine({ memory: { sizeBytes: 64n * mebibyte }, disks: [fileDisk(path)], title: 'old' }));
    const spec = (await client.get(id)).spec;
    const limited = spec?.disks.map((disk) => ({ ...disk, throttle: { totalIops: 500n } })) ?? [];
    const { domain, outcomes } = await client.update(id, ['title', 'disks', 'memory.size_bytes', 'lifecycle.on_reboot'], {
      title: 'new',
      disks: limited,
      memory: { sizeBytes: 96n * mebibyte },
      lifecycle: { onReboot: LifecycleAction.DESTROY },
    });
    expect(Object.fromEntries(outcomes.map((outcome) => [outcome.path, outcome.effect]))).toEqual({
      title: FieldEffect.LIVE,
      disks: FieldEffect.LIVE,
      'memory.size_bytes': FieldEffect.NEXT_START,
      'lifecycle.on_reboot': FieldEffect.LIVE,
    });
    expect(outcomes.find((outcome) => outcome.path === 'memory.size_bytes')?.why).toContain('waits for the next start');
    expect(domain).toMatchObject({
      status: { restartRequired: true },
      spec: { title: 'new', memory: { sizeBytes: 96n * mebibyte } },
      activeSpec: { title: 'new', memory: { sizeBytes: 64n * mebibyte }, disks: [{ throttle: { totalIops: 500n } }] },
    });
    await client.destroy(id, { force: true });
    expect((await client.start(id)).status).toMatchObject({ restartRequired: false });
    expect((await client.get(id)).activeSpec?.memory?.sizeBytes).toBe(96n * mebibyte);
    await client.remove(id);
    await system.tape.untilStory(uid, 'undefined removed');
    expect(system.tape.story(uid)).toEqual([
      'defined added',
      'started booted',
      'defined updated',
      'stopped destroyed',
      'started booted',
      'stopped destroyed',
      'undefined removed',
    ]);
  });

  it('keeps to its scope', async () => {
    const id = `scope-${scope}`;
    await client.run(id, idleMachine({ title: 'old' }));
    const live = await client.update(id, ['title'], { title: 'live' }, { scope: ChangeScope.LIVE });
    expect(live.domain).toMatchObject({ spec: { title: 'old' }, activeSpec: { title: 'live' } });
    const config = await client.update(id, ['title'], { title: 'config' }, { scope: ChangeScope.CONFIG });
    expect(config.domain).toMatchObject({ spec: { title: 'config' }, activeSpec: { title: 'live' } });
    expect(config.outcomes).toMatchObject([{ effect: FieldEffect.NEXT_START }]);
    const both = await client.update(id, ['title'], { title: 'both' }, { scope: ChangeScope.BOTH });
    expect(both.domain).toMatchObject({ spec: { title: 'both' }, activeSpec: { title: 'both' } });
    await expect(client.update(id, ['machine'], { machine: 'pc' }, { scope: ChangeScope.LIVE })).rejects.toMatchObject({
      reason: 'FEATURE_UNSUPPORTED',
    });
    await client.destroy(id, { force: true });
    await expect(client.update(id, ['title'], { title: 'no' }, { scope: ChangeScope.LIVE })).rejects.toMatchObject({
      reason: 'STATE_INVALID',
    });
    await client.delete(id);
    await client.create(id, idleMachine(), { transient: true });
    await expect(client.update(id, ['title'], { title: 'no' }, { scope: ChangeScope.CONFIG })).rejects.toMatchObject({
      reason: 'STATE_INVALID',
    });
    expect((await client.update(id, ['title'], { title: 'yes' })).domain).toMatchObject({ activeSpec: { title: 'yes' } });
    await client.destroy(id, { force: true });
  });

  it('only checks when asked to, and says nothing of what is as wanted', async () => {
    const id = `check-${scope}`;
    const made = await client.create(id, idleMachine({ title: 'same' }));
    const checked = await client.update(id, ['title'], { title: 'other' }, { validateOnly: true });
    expect(checked.outcomes).toMatchObject([{ path: 'title', effect: FieldEffect.NEXT_START }]);
    const same = await client.update(id, ['title'], { title: 'same' });
    expect(same.outcomes).toEqual([{ path: 'title', effect: FieldEffect.UNCHANGED, why: '' }]);
    expect(await client.get(id)).toMatchObject({ title: 'same', etag: made.etag, revision: made.revision });
    for (const paths of [[], ['no_such_field'], ['disks.0.id'], ['hypervisor'], ['*', 'title']]) {
      await expect(client.update(id, paths, {}), JSON.stringify(paths)).rejects.toMatchObject({ reason: 'REQUEST_INVALID' });
    }
    await expect(client.update(id, ['memory.size_bytes'], { memory: { sizeBytes: 3n } })).rejects.toMatchObject({ reason: 'SPEC_INVALID' });
    await client.delete(id);
    await system.tape.untilStory(made.uid, 'undefined removed');
    expect(system.tape.domains(made.uid).map(eventLabel)).toEqual(['defined added', 'undefined removed']);
  });

  it('replaces a whole definition', async () => {
    const id = `whole-${scope}`;
    await client.create(id, idleMachine({ title: 'old', labels: { a: '1' }, serials: [{ id: 'port' }] }));
    const { domain } = await client.update(id, ['*'], idleMachine({ memory: { sizeBytes: 40n * mebibyte } }));
    expect(domain).toMatchObject({ title: '', labels: {}, spec: { title: '', serials: [], memory: { sizeBytes: 40n * mebibyte } } });
    await client.delete(id);
  });
});

import { DiskBus } from '@virtmesh/contracts/domain/v1/disk';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { RebootMode } from '@virtmesh/contracts/domain/v1/domain_service';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { type AnyDevice, withDevice, withoutDevice } from '@virtmesh/driver-spi';
import { runSteps } from '@virtmesh/base';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LinuxGuest } from '../../testing/linux-guest.ts';
import { type Life, type RunningGuest, soon, World } from '../../testing/world.ts';

const file = (path: string) =>
  ({ source: { source: { $case: 'filePath', value: path } }, format: path.endsWith('.qcow2') ? 2 : 1 }) as const;
/** What an agent puts before a driver's bytes. */
const before = Buffer.alloc(100_000, 'agent');

describe('the state of a guest', () => {
  let world: World;
  let life: Life;
  let linux: LinuxGuest;
  beforeAll(async () => {
    world = await World.open();
    life = await LinuxGuest.life(world);
    linux = await LinuxGuest.boot(life, { disks: [{ ...file(world.image('a.qcow2')), bus: DiskBus.SCSI }] });
  });
  afterAll(() => world[Symbol.asyncDispose]());

  const save = async (running: RunningGuest, name: string): Promise<string> => {
    const path = join(world.images, name);
    const chunks: Buffer[] = [before];
    const told: [bigint, bigint][] = [];
    await life.feature('savedState').save(
      running.guest,
      running.started.activeSpec,
      async (bytes) => void chunks.push(Buffer.from(bytes)),
      (done, total) => told.push([done, total]),
      soon(),
    );
    writeFileSync(path, Buffer.concat(chunks));
    const [done, total] = told.at(-1) ?? [];
    expect(done).toBe(total);
    expect(done).toBeGreaterThan(100_000n);
    return path;
  };

  it('is saved to a sink, and taken up by another start, with what was attached in between', async () => {
    const { guest, started } = linux.running;
    const kept = await linux.runs('MARK=here; echo $$');
    const to = life.driver.complete(
      withDevice(started.activeSpec, { $case: 'disk', value: { id: '', ...file(world.image('b.qcow2')) } } as AnyDevice),
      guest,
    );
    const plan = life.feature('hotplug').plan({
      guest,
      change: { what: 'attach', device: 'disk1' },
      from: started.activeSpec,
      to,
      guestTimeoutMs: 5000,
      force: false,
      save: () => {},
    });
    await runSteps(plan.steps, soon());
    await expect.poll(() => linux.runs('ls /sys/block')).toContain('vda');
    // Whoever wanted this one was gone before it was recorded.
    await save(linux.running, 'cut.state');
    const path = await save(linux.running, 'whole.state');
    expect(life.of(guest).at(-1)).toMatchObject({ t: 'state', state: 'paused', reason: DomainStateReason.JOB });
    await life.driver.lifecycle.destroy(guest, { graceMs: 0 }, soon());
    await life.driver.lifecycle.release(guest, linux.running.record);

    const restore = { path, offset: before.length };
    linux.running = await life.start(guest, plan.changed(), { restore });
    expect(linux.running.started.observed).toMatchObject({ state: 'running', reason: DomainStateReason.RESTORED });
    expect(await linux.runs('echo $MARK $$')).toBe(`here ${kept}`);
    expect(await linux.runs('dd if=/dev/vda of=/dev/null bs=4k count=1 2>&1 | head -1')).toBe('1+0 records in');
    await linux.finish();

    linux.running = await life.start(guest, plan.changed(), { restore, paused: true });
    expect(linux.running.started.observed).toMatchObject({ state: 'paused', reason: DomainStateReason.RESTORED });
    await life.feature('suspend').resume(guest, soon());
    expect(await linux.runs('echo $MARK')).toBe('here');
    await linux.finish();
  });

  it('that is not wanted any more, or has nowhere to go, leaves the guest as it was', async () => {
    const guest = life.newGuest();
    const running = await life.start(guest, life.spec(guest, undefined));
    const feature = life.feature('savedState');
    const state = async (): Promise<string> => (await life.driver.lifecycle.observe(guest, soon())).state;
    const cancel = new AbortController();
    let seen = 0;
    const slow = async (bytes: Uint8Array): Promise<void> => {
      seen += bytes.length;
      if (seen > 100_000) cancel.abort();
    };
    await expect(feature.save(guest, running.spec, slow, () => {}, cancel.signal)).rejects.toMatchObject({ reason: 'OPERATION_CANCELLED' });
    expect(await state()).toBe('running');
    const full = async (bytes: Uint8Array): Promise<void> => {
      if (bytes.length > 10_000) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
    };
    await expect(feature.save(guest, running.spec, full, () => {}, soon())).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await state()).toBe('running');
    await life.feature('suspend').suspend(guest, soon());
    await expect(feature.save(guest, running.spec, full, () => {}, soon())).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await state()).toBe('paused');
    await life.feature('suspend').resume(guest, soon());
    // What another life of the agent finds: it was saved to the end, and nobody destroyed it.
    const nowhere = async (): Promise<void> => {};
    await feature.save(guest, running.spec, nowhere, () => {}, soon());
    expect(await state()).toBe('paused');
    await life.feature('savedState').abandon(guest, soon());
    await life.feature('savedState').abandon(guest, soon());
    expect(await state()).toBe('running');
    await feature.save(guest, running.spec, nowhere, () => {}, soon());
    await life.finish(running);
  });

  it.each(['q35', 'pc'])('of a %s has the vCPUs that came while it ran, and disks of each bus', async (machine) => {
    const guest = life.newGuest();
    const disks = [DiskBus.VIRTIO, DiskBus.SCSI].map((bus) => ({ ...file(world.image(`cpus-${machine}-${bus}.qcow2`)), bus }));
    const running = await life.start(guest, life.spec(guest, undefined, { machine, cpu: { vcpus: 1, maxVcpus: 4 }, disks }));
    const to = DomainSpec.fromPartial({ ...running.spec, cpu: { ...running.spec.cpu, vcpus: 3 } });
    await life.feature('liveUpdate').apply(guest, running.spec, to, ['cpu.vcpus'], soon());
    const path = await save(running, `cpus-${machine}.state`);
    await life.finish(running);
    // A machine with another number of them is not the one that was saved.
    await expect(life.start(guest, running.spec, { restore: { path, offset: before.length } })).rejects.toMatchObject({
      reason: 'SAVED_STATE_INVALID',
    });
    const restored = await life.start(guest, to, { restore: { path, offset: before.length } });
    expect(restored.started.observed).toMatchObject({ state: 'running', vcpus: 3 });
    await life.finish(restored);
  });

  it.each(['q35', 'pc'])('of a %s lacks a device that it let go of when nobody waited for that any more', async (machine) => {
    const guest = life.newGuest();
    const running = await life.start(guest, life.spec(guest, world.image(`left-${machine}.qcow2`), { machine }));
    const active = running.started.activeSpec;
    const without = withoutDevice(active, 'disk0');
    const change = { what: 'detach', device: 'disk0' } as const;
    const order = { guest, change, from: active, to: without, guestTimeoutMs: 200, force: false, save: () => {} };
    const [unplug] = life.feature('hotplug').plan(order).steps;
    if (!unplug) throw new Error('a detach has no steps');
    await expect(unplug.run(soon())).rejects.toMatchObject({ reason: 'DEVICE_BUSY' });
    // The machine lets go of it in the guest's stead, and only then the detach is taken back.
    await life.feature('reboot').reboot(guest, RebootMode.RESET, soon());
    await life.event(guest, (event) => event.t === 'device-removed');
    await unplug.undo?.();
    // Who saves it has not heard of that yet.
    const path = await save(running, `left-${machine}.state`);
    await life.finish(running);
    const restored = await life.start(guest, active, { restore: { path, offset: before.length } });
    expect(restored.started.activeSpec).toEqual(without);
    expect(restored.started.observed).toMatchObject({ state: 'running', reason: DomainStateReason.RESTORED });
    await life.finish(restored);
  });

  it('is refused where it is none, is cut short, or is of another machine', async () => {
    const guest = life.newGuest();
    const running = await life.start(guest, life.spec(guest, undefined));
    const { spec } = running;
    const path = await save(running, 'broken.state');
    await life.finish(running);
    const whole = readFileSync(path);
    const start = (more = {}) => life.start(guest, { ...spec, ...more }, { restore: { path, offset: before.length } });
    await expect(life.start(guest, spec, { restore: { path, offset: 5 } })).rejects.toMatchObject({ reason: 'SAVED_STATE_INVALID' });
    await expect(life.start(guest, spec, { restore: { path: `${path}.none`, offset: 0 } })).rejects.toMatchObject({
      reason: 'SAVED_STATE_INVALID',
    });
    const other = life.spec(guest, world.image('more.qcow2'), { ...spec, disks: [file(world.image('more.qcow2'))] });
    await expect(life.start(guest, other, { restore: { path, offset: before.length } })).rejects.toMatchObject({
      reason: 'SAVED_STATE_INVALID',
      metadata: { why: expect.stringContaining('disk0') },
    });
    await expect(start({ memory: { ...spec.memory, sizeBytes: 96n * 1024n * 1024n } })).rejects.toMatchObject({
      reason: 'SAVED_STATE_INVALID',
      metadata: { why: expect.stringMatching(/ram|size mismatch/i) },
    });
    const forged = JSON.stringify({ layout: { rootPorts: 0, controllers: [], addresses: {} }, left: [1] });
    writeFileSync(path, Buffer.concat([before, Buffer.from(`virtmesh-qemu-state 1 ${forged.length}\n${forged}`)]));
    await expect(start()).rejects.toMatchObject({ reason: 'SAVED_STATE_INVALID', metadata: { why: expect.stringContaining('it lacks') } });
    writeFileSync(path, whole);
    truncateSync(path, whole.length - 100_000);
    await expect(start()).rejects.toMatchObject({ reason: 'SAVED_STATE_INVALID' });
    writeFileSync(path, Buffer.concat([whole.subarray(0, whole.length / 2), Buffer.alloc(1_000_000, 0x55)]));
    await expect(start()).rejects.toMatchObject({ reason: 'SAVED_STATE_INVALID' });
    expect(world.processes(guest)).toEqual([]);
    expect(life.of(guest).filter((event) => event.t === 'exited')).toHaveLength(1);
  });
});

describe('a guest that goes on from a saved state', () => {
  it.each([
    ['restore', 'gone'],
    ['configure', 'gone'],
    ['run', 'running'],
  ])('is, for a life of the agent that follows on one that died after step %s, %s', async (step, state) => {
    await using world = await World.open();
    const first = await world.life();
    const guest = first.newGuest();
    const running = await first.start(guest, first.spec(guest, undefined));
    const { spec } = running;
    const chunks: Uint8Array[] = [];
    await first.feature('savedState').save(
      guest,
      spec,
      async (bytes) => void chunks.push(bytes),
      () => {},
      soon(),
    );
    await first.finish(running);
    const path = join(world.images, 'state');
    writeFileSync(path, Buffer.concat(chunks));
    let record = {};
    let dies: () => void = () => {};
    const died = new Promise<void>((resolve) => (dies = resolve));
    const observer = {
      after: async (name: string): Promise<void> => {
        if (name !== step) return;
        dies();
        await new Promise(() => {});
      },
    };
    void first.start(guest, spec, { restore: { path, offset: 0 }, observer, saved: (saved) => (record = saved) });
    await died;
    await first.end();
    const second = await world.life();
    second.guests.add(guest.uid);
    expect(await second.driver.lifecycle.adopt(guest, spec, record, soon())).toMatchObject({ state });
    if (state === 'running') {
      // Paused by somebody later, it is not taken for one that was never let go of.
      await second.feature('suspend').suspend(guest, soon());
      await second.end();
      const third = await world.life();
      expect(await third.driver.lifecycle.adopt(guest, spec, record, soon())).toMatchObject({ state: 'paused' });
      await third.finish({ guest, record });
    } else {
      // The keepers of its logs end when they have written what it said.
      await expect.poll(() => world.processes(guest)).toEqual([]);
      await second.driver.lifecycle.release(guest, record);
    }
  });
});

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runSteps } from '@virtmesh/base';
import { RebootMode } from '@virtmesh/contracts/domain/v1/domain_service';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { Filesystem } from '@virtmesh/contracts/domain/v1/filesystem';
import { HostDevice } from '@virtmesh/contracts/domain/v1/host_device';
import type { GuestRef } from '@virtmesh/driver-spi';
import { type DeviceChange, withDevice, withoutDevice } from '@virtmesh/driver-spi';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Life, soon, World } from '../testing/world.ts';

describe('a container that reboots', () => {
  let world: World;
  let life: Life;
  beforeEach(async () => {
    world = await World.open();
    life = await world.life();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const data = (name: string): string => {
    const directory = join(world.images, name);
    mkdirSync(directory);
    writeFileSync(join(directory, 'file'), `of ${name}\n`);
    return directory;
  };
  const directory = (id: string, target: string): Filesystem =>
    Filesystem.fromPartial({ id, source: { $case: 'directoryPath', value: data(id) }, target });

  const change = async (
    guest: GuestRef,
    what: DeviceChange['what'],
    device: string,
    from: DomainSpec,
    to: DomainSpec,
  ): Promise<DomainSpec> => {
    const completed = life.driver.complete(to, guest);
    const plan = life
      .feature('hotplug')
      .plan({ guest, change: { what, device }, from, to: completed, guestTimeoutMs: 1000, force: false, save: () => {} });
    await runSteps(plan.steps, soon());
    return plan.changed();
  };

  const limit = (guest: GuestRef): string =>
    execFileSync('cat', [`/sys/fs/cgroup/memory/virtmesh-${guest.uid}/memory.limit_in_bytes`], { encoding: 'utf8' }).trim();
  /** What it has of what came and went while it ran. */
  const seen = async (of: Life, guest: GuestRef): Promise<string> =>
    (await of.exec(guest, ['sh', '-c', 'cat /mnt/come/file 2>/dev/null; ls /mnt/gone; test -c /dev/fuse && echo fuse; true'])).output;

  /** Starts one, and changes its limits and devices. */
  const changed = async (): Promise<{ guest: GuestRef; running: Awaited<ReturnType<Life['start']>>; spec: DomainSpec }> => {
    const guest = life.newGuest();
    const first = life.spec(guest, {
      container: { init: { path: '/sbin/init' } },
      filesystems: [{ id: 'root', source: { $case: 'directoryPath', value: world.rootfs() }, target: '/' }, directory('gone', '/mnt/gone')],
    });
    const running = await life.start(guest, first);
    let spec = await change(
      guest,
      'attach',
      'come',
      first,
      withDevice(first, { $case: 'filesystem', value: directory('come', '/mnt/come') }),
    );
    spec = await change(guest, 'detach', 'gone', spec, withoutDevice(spec, 'gone'));
    const fuse = HostDevice.fromPartial({ id: 'fuse', source: { $case: 'characterPath', value: '/dev/fuse' } });
    spec = await change(guest, 'attach', 'fuse', spec, withDevice(spec, { $case: 'hostDevice', value: fuse }));
    const larger = DomainSpec.fromPartial({ ...spec, memory: { sizeBytes: 128n << 20n } });
    await life.feature('liveUpdate').apply(guest, spec, larger, ['memory'], soon());
    return { guest, running, spec: larger };
  };

  const reboots = async (guest: GuestRef): Promise<void> => {
    await life.feature('reboot').reboot(guest, RebootMode.SIGNAL, soon());
    await expect.poll(() => life.of(guest).map(({ t }) => t), { timeout: 15_000 }).toContain('reboot');
  };

  it('has the limits and devices that it had before', async () => {
    const { guest, running } = await changed();
    await reboots(guest);
    await expect.poll(() => seen(life, guest).catch(String), { timeout: 15_000 }).toBe('of come\nfuse\n');
    await expect.poll(() => limit(guest)).toBe(String(128 << 20));
    expect(life.of(guest).map(({ t }) => t)).toEqual(['reboot']);
    await life.finish(running);
  }, 60_000);

  it('while no agent lives has them when the next one has adopted it', async () => {
    const { guest, running, spec } = await changed();
    await life.end();
    const monitor = running.started.observed.pid;
    const init = (): string => execFileSync('cat', [`/proc/${monitor}/task/${monitor}/children`], { encoding: 'utf8' }).trim();
    const before = init();
    await expect.poll(() => execFileSync('cat', [`/proc/${before}/comm`], { encoding: 'utf8' })).toBe('init\n');
    process.kill(Number(before), 'SIGTERM');
    await expect.poll(init, { timeout: 15_000 }).not.toBe(before);
    await expect.poll(() => /^\d+$/.test(init()), { timeout: 15_000 }).toBe(true);
    const next = await world.life();
    await next.driver.lifecycle.adopt(guest, spec, running.record, soon());
    await expect.poll(() => seen(next, guest).catch(String), { timeout: 15_000 }).toBe('of come\nfuse\n');
    await expect.poll(() => limit(guest)).toBe(String(128 << 20));
    await next.finish(running);
  }, 60_000);

  it('tells of a device that the node has no more, and of no other', async () => {
    const { guest, running } = await changed();
    rmSync(join(world.images, 'come'), { recursive: true });
    await reboots(guest);
    await expect
      .poll(() => life.of(guest), { timeout: 15_000 })
      .toEqual([
        { t: 'reboot', uid: guest.uid, byGuest: false },
        { t: 'device-removed', uid: guest.uid, device: 'come' },
      ]);
    await expect.poll(() => seen(life, guest).catch(String), { timeout: 15_000 }).toBe('fuse\n');
    await life.finish(running);
  }, 60_000);
});

import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { LifecycleAction } from '@virtmesh/contracts/domain/v1/lifecycle';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Life, type RunningGuest, soon, World } from '../testing/world.ts';
import { liveVerdict } from './live-update.ts';

const MiB = 1024n * 1024n;
const changed = (from: DomainSpec, change: (spec: DomainSpec) => void): DomainSpec => {
  const spec = DomainSpec.fromPartial(structuredClone(from));
  change(spec);
  return spec;
};

describe('a change of a running guest', () => {
  let world: World;
  let life: Life;
  let running: RunningGuest;
  let from: DomainSpec;
  beforeAll(async () => {
    world = await World.open();
    life = await world.life();
    const guest = life.newGuest();
    running = await life.start(
      guest,
      life.spec(guest, world.image('live.qcow2'), { interfaces: [{ backend: { $case: 'user', value: {} } }] }),
    );
    from = running.started.activeSpec;
  });
  afterAll(() => world[Symbol.asyncDispose]());

  const apply = (to: DomainSpec, ...paths: string[]): Promise<void> =>
    life.feature('liveUpdate').apply(running.guest, from, to, paths, soon());

  it.each<[string, (spec: DomainSpec) => void]>([
    ['memory.current_bytes', (spec) => spec.memory && (spec.memory.currentBytes = 32n * MiB)],
    ['memory.balloon.stats_period_seconds', (spec) => spec.memory?.balloon && (spec.memory.balloon.statsPeriodSeconds = 5)],
    ['lifecycle.on_reboot', (spec) => spec.lifecycle && (spec.lifecycle.onReboot = LifecycleAction.DESTROY)],
    ['lifecycle', (spec) => spec.lifecycle && (spec.lifecycle.onCrash = LifecycleAction.PRESERVE)],
    [
      'disks',
      (spec) =>
        spec.disks[0] &&
        (spec.disks[0].throttle = {
          totalBytesPerSecond: 1_000_000n,
          readBytesPerSecond: 0n,
          writeBytesPerSecond: 0n,
          totalIops: 0n,
          readIops: 10n,
          writeIops: 20n,
        }),
    ],
    ['interfaces', (spec) => spec.interfaces[0] && (spec.interfaces[0].linkDown = true)],
  ])('of %s is live, there and back', async (path, change) => {
    const to = changed(from, change);
    expect(liveVerdict(path, from, to)).toEqual({ supported: true });
    await apply(to, path);
    await life.feature('liveUpdate').apply(running.guest, to, from, [path], soon());
  });

  it.each<[string, (spec: DomainSpec) => void]>([
    ['memory.size_bytes', (spec) => spec.memory && (spec.memory.sizeBytes = 32n * MiB)],
    ['memory', (spec) => spec.memory && (spec.memory.sizeBytes = 32n * MiB)],
    ['cpu.vcpus', (spec) => spec.cpu && (spec.cpu.vcpus = 2)],
    ['disks', (spec) => spec.disks[0] && (spec.disks[0].serial = 'x')],
    ['disks', (spec) => void spec.disks.pop()],
    ['interfaces', (spec) => spec.interfaces[0] && (spec.interfaces[0].macAddress = '52:54:00:00:00:01')],
    ['graphics', (spec) => void spec.graphics.push({ id: 'vnc0', protocol: undefined })],
  ])('of %s waits for the next start', (path, change) => {
    expect(liveVerdict(path, from, changed(from, change))).toMatchObject({ supported: false, why: expect.stringContaining('next start') });
  });

  it('of a balloon that is not there waits too', () => {
    const bare = changed(from, (spec) => spec.memory?.balloon && (spec.memory.balloon.disabled = true));
    expect(
      liveVerdict(
        'memory.current_bytes',
        bare,
        changed(bare, (spec) => spec.memory && (spec.memory.currentBytes = 1n)),
      ),
    ).toMatchObject({ supported: false, why: expect.stringContaining('balloon') });
  });

  it('is made whole or not at all', async () => {
    const to = changed(from, (spec) => {
      if (spec.memory) spec.memory.currentBytes = 32n * MiB;
      // QEMU refuses a total beside a limit of its kind.
      if (spec.disks[0])
        spec.disks[0].throttle = {
          totalBytesPerSecond: 1n,
          readBytesPerSecond: 1n,
          writeBytesPerSecond: 0n,
          totalIops: 0n,
          readIops: 0n,
          writeIops: 0n,
        };
    });
    await expect(apply(to, 'memory.current_bytes', 'disks')).rejects.toMatchObject({
      reason: 'HYPERVISOR_FAILED',
      metadata: { command: 'block_set_io_throttle' },
    });
    await expect(apply(to, 'memory.current_bytes')).resolves.toBeUndefined();
  });
});

describe('statistics of a running guest', () => {
  it('have its processor, memory, disks and what it shares with the definition', async () => {
    await using world = await World.open();
    const life = await world.life();
    const guest = life.newGuest();
    const running = await life.start(
      guest,
      life.spec(guest, undefined, {
        serials: [{}],
        disks: [
          { source: { source: { $case: 'filePath', value: world.echoImage('echo.raw') } } },
          { source: { source: { $case: 'filePath', value: world.image('b.qcow2') } }, format: 2, bus: 2 },
          { device: 2 },
        ],
      }),
    );
    const stats = await life.feature('stats').stats(guest, running.started.activeSpec, soon());
    expect(stats.fault).toBeUndefined();
    expect(stats.memory).toMatchObject({ currentBytes: 64n * MiB, maximumBytes: 64n * MiB });
    expect(stats.memory?.residentBytes).toBeGreaterThan(10n * MiB);
    expect(stats.cpu?.timeNs).toBeGreaterThan(0n);
    expect(stats.cpu?.timeNs).toBe((stats.cpu?.userNs ?? 0n) + (stats.cpu?.systemNs ?? 0n));
    expect(stats.blocks.map((block) => block.id)).toEqual(running.started.activeSpec.disks.map((disk) => disk.id));
    await expect
      .poll(async () => (await life.feature('stats').stats(guest, running.started.activeSpec, soon())).blocks[0]?.readBytes)
      .toBeGreaterThan(0n);
    await life.finish(running);
    expect(await life.feature('stats').stats(guest, running.started.activeSpec, soon())).toMatchObject({
      blocks: [],
      fault: { reason: 'STATE_INVALID' },
    });
  });
});

import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { LifecycleAction } from '@virtmesh/contracts/domain/v1/lifecycle';
import type { DriverEvent } from '@virtmesh/driver-spi';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BootedGuest } from '../testing/booted-guest.ts';
import { type Life, soon, World } from '../testing/world.ts';

describe('what a guest does itself', () => {
  let world: World;
  let life: Life;
  beforeAll(async () => {
    world = await World.open();
    life = await world.life();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  const boot = (name: string, lifecycle: Partial<NonNullable<DomainSpec['lifecycle']>> = {}): Promise<BootedGuest> =>
    BootedGuest.boot(life, world.echoImage(`${name}.raw`), lifecycle);
  const event = (booted: BootedGuest, kind: DriverEvent['t']): Promise<DriverEvent> =>
    booted.life.event(booted.running.guest, (told) => told.t === kind);
  const observed = (booted: BootedGuest) => booted.life.driver.lifecycle.observe(booted.running.guest, soon());

  it('is told: it powers itself off', async () => {
    const booted = await boot('off');
    await booted.type('q');
    expect(await event(booted, 'exited')).toMatchObject({ how: 'shutdown', message: '' });
    expect(await event(booted, 'shutdown')).toMatchObject({ byGuest: true });
    expect(booted.kinds).toEqual(['shutdown', 'exited']);
    await booted.finish();
  });

  it('is told: it reboots in its process', async () => {
    const booted = await boot('reboot');
    await booted.type('r');
    expect(await event(booted, 'reboot')).toMatchObject({ byGuest: true });
    await booted.hears(2);
    await life.feature('reboot').reboot(booted.running.guest, 2, soon());
    await booted.hears(3);
    expect(life.of(booted.running.guest).map((told) => told.t === 'reboot' && told.byGuest)).toEqual([true, false]);
    await booted.finish();
  });

  it('ends where a reboot is to end it', async () => {
    const booted = await boot('reboot-ends', { onReboot: LifecycleAction.DESTROY });
    await booted.type('r');
    expect(await event(booted, 'exited')).toMatchObject({ how: 'shutdown' });
    await booted.finish();
  });

  it('starts anew where a power-off is to start it', async () => {
    const booted = await boot('off-restarts', { onPoweroff: LifecycleAction.RESTART });
    await booted.type('q');
    expect(await event(booted, 'reboot')).toMatchObject({ byGuest: true });
    await booted.hears(2);
    expect(booted.kinds).toEqual(['reboot']);
    expect(await observed(booted)).toMatchObject({ state: 'running', reason: DomainStateReason.BOOTED });
    // A graceful end is still an end.
    await life.driver.lifecycle.destroy(booted.running.guest, { graceMs: 10_000 }, soon());
    await booted.finish();
  });

  it('ends by a reboot that is to end it, though a power-off would not', async () => {
    const booted = await boot('mixed', { onPoweroff: LifecycleAction.RESTART, onReboot: LifecycleAction.DESTROY });
    await booted.type('r');
    expect(await event(booted, 'exited')).toMatchObject({ how: 'shutdown' });
    expect(booted.kinds).toEqual(['shutdown', 'exited']);
    await booted.finish();
  });

  it('starts anew after a power-off that came while no agent ran', async () => {
    const booted = await boot('off-alone', { onPoweroff: LifecycleAction.RESTART });
    const { guest, started, record } = booted.running;
    await life.end();
    const serial = connect(`${world.runDir(guest)}/serial0.sock`).resume();
    serial.write('q');
    await booted.hears(1, 'q');
    serial.destroy();
    life = booted.life = await world.life();
    await life.driver.lifecycle.adopt(guest, started.activeSpec, record, soon());
    await event(booted, 'reboot');
    await booted.hears(2);
    await booted.finish();
  });

  it('writes where the host has no space left: it pauses with that reason, and goes on when there is some', async () => {
    const full = join(world.images, 'full');
    mkdirSync(full);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=755', 'tmpfs', full]);
    try {
      const disk = world.echoImage('full/disk.raw', true);
      expect(() => writeFileSync(join(full, 'filler'), Buffer.alloc(128 * 1024))).toThrow('ENOSPC');
      const booted = await BootedGuest.boot(life, disk);
      await booted.type('w');
      expect(await event(booted, 'state')).toMatchObject({ state: 'paused', reason: DomainStateReason.IO_ERROR });
      expect(await event(booted, 'io-error')).toMatchObject({
        disk: 'disk0',
        action: 'stop',
        message: 'No space left on device',
        noSpace: true,
      });
      expect(booted.kinds.slice(0, 2)).toEqual(['io-error', 'paused']);
      expect(await observed(booted)).toMatchObject({ state: 'paused', reason: DomainStateReason.IO_ERROR });
      rmSync(join(full, 'filler'));
      await life.feature('suspend').resume(booted.running.guest, soon());
      await booted.type('x');
      await booted.hears(1, 'wx');
      expect(await observed(booted)).toMatchObject({ state: 'running', reason: DomainStateReason.UNPAUSED });
      await booted.finish();
    } finally {
      execFileSync('umount', ['-l', full]);
    }
  });

  it('crashes: it ends by default', async () => {
    const booted = await boot('panic');
    await booted.type('p');
    expect(await event(booted, 'exited')).toMatchObject({ how: 'crashed', message: expect.stringContaining('kernel panicked') });
    expect(booted.kinds).toEqual(['panicked', 'shutdown', 'exited']);
    await booted.finish();
  });

  it('crashes, and is kept as it is where that is asked for', async () => {
    const booted = await boot('panic-kept', { onCrash: LifecycleAction.PRESERVE });
    await booted.type('p');
    expect(await event(booted, 'state')).toMatchObject({ state: 'crashed', reason: DomainStateReason.PANICKED });
    expect(await observed(booted)).toMatchObject({ state: 'crashed', reason: DomainStateReason.PANICKED });
    await booted.finish();
  });

  it('crashes, and starts anew where that is asked for', async () => {
    const booted = await boot('panic-restarts', { onCrash: LifecycleAction.RESTART });
    await booted.type('p');
    await booted.hears(2);
    expect(booted.kinds).toEqual(['panicked', 'reboot', 'running']);
    await booted.finish();
  });
});

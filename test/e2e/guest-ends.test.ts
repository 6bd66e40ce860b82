import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainState, DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { LifecycleAction } from '@virtmesh/contracts/domain/v1/lifecycle';
import { WatchdogAction } from '@virtmesh/contracts/domain/v1/watchdog';
import { runCommand } from '@virtmesh/tools/run-command';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleSession } from '../support/console-session.ts';
import { fileDisk, idleMachine, linuxGuest, mebibyte, type PartialSpec } from '../support/domain-specs.ts';
import { brokenRules } from '../support/event-rules.ts';
import { type GuestImage, guestImage, makeDisk } from '../support/guest-image.ts';
import { TestSystem } from '../support/system.ts';
import type { TestClient } from '../support/test-client.ts';

let image: GuestImage;
let system: TestSystem;
let client: TestClient;
beforeAll(async () => {
  image = await guestImage();
  system = await TestSystem.start({ fleet: true });
  client = await system.client('fleet');
}, 120_000);
afterAll(async () => system[Symbol.asyncDispose]());

const bootMs = 120_000;

/** Boots a guest that does something by itself after its boot; answers its uid. */
async function doing(id: string, what: string, over: PartialSpec = {}): Promise<string> {
  const { uid } = await client.run(id, linuxGuest(image, `virtmesh.do=${what} virtmesh.agent=no`, { channels: [], ...over }));
  return uid;
}

/** The requestors of a domain's events from the one that is `label`. */
const requestorsFrom = (uid: string, label: string): (string | undefined)[] => {
  const at = system.tape.story(uid, /^$/).indexOf(label);
  return system.tape
    .domains(uid)
    .slice(at)
    .map((event) => event.context?.requestor);
};

describe('a guest ends its own life', () => {
  it('by powering off', async () => {
    const uid = await doing('off', 'poweroff');
    await system.tape.untilStory(uid, 'stopped shutdown', bootMs);
    expect(system.tape.story(uid)).toEqual(['defined added', 'started booted', 'shutdown guest', 'stopped shutdown']);
    expect(requestorsFrom(uid, 'shutdown guest'), 'nobody asked for it').toEqual(['', '']);
    expect((await client.get('off')).status).toMatchObject({ state: DomainState.SHUTOFF, reason: DomainStateReason.SHUTDOWN, pid: 0n });
    expect(await system.traces(uid)).toEqual([]);
    await client.delete('off');
  });

  it('and is started anew where its definition says so', async () => {
    const uid = await doing('again', 'poweroff', { lifecycle: { onPoweroff: LifecycleAction.RESTART } });
    await system.tape.untilStory(uid, 'reboot by guest', bootMs);
    const { status } = await client.get('again');
    expect(status).toMatchObject({ state: DomainState.RUNNING, startCount: 1n });
    await client.remove('again');
    await system.tape.untilStory(uid, 'undefined removed');
    expect(new Set(system.tape.story(uid))).toEqual(
      new Set(['defined added', 'started booted', 'reboot by guest', 'stopped destroyed', 'undefined removed']),
    );
  });

  it('by rebooting, which is no end, or is one where its definition says so', async () => {
    const reboots = await doing('reboots', 'reboot');
    const ends = await doing('ends', 'reboot', { lifecycle: { onReboot: LifecycleAction.DESTROY } });
    const { context } = await system.tape.untilStory(reboots, 'reboot by guest', bootMs);
    expect(context?.requestor).toBe('');
    expect((await client.get('reboots')).status).toMatchObject({ state: DomainState.RUNNING, startCount: 1n });
    await system.tape.untilStory(ends, /^stopped/, bootMs);
    expect(system.tape.story(ends)).toEqual(['defined added', 'started booted', 'shutdown guest', 'stopped shutdown']);
    await client.remove('reboots');
    await client.delete('ends');
  });
});

describe('a guest panics', () => {
  it('and is destroyed, restarted, or kept for inspection', async () => {
    const on = (onCrash: LifecycleAction): PartialSpec => ({ lifecycle: { onCrash } });
    const destroyed = await doing('crash-destroyed', 'panic', on(LifecycleAction.DESTROY));
    const restarted = await doing('crash-restarted', 'panic', on(LifecycleAction.RESTART));
    const preserved = await doing('crash-preserved', 'panic', on(LifecycleAction.PRESERVE));

    await system.tape.untilStory(destroyed, /^stopped/, bootMs);
    expect(system.tape.story(destroyed)).toEqual(['defined added', 'started booted', 'crashed panicked', 'stopped crashed']);
    expect((await client.get('crash-destroyed')).status).toMatchObject({ state: DomainState.SHUTOFF, reason: DomainStateReason.CRASHED });
    expect(await system.traces(destroyed)).toEqual([]);

    await system.tape.untilStory(restarted, 'reboot by guest', bootMs);
    expect(system.tape.story(restarted).slice(0, 3)).toEqual(['defined added', 'started booted', 'crashed panicked']);

    await system.tape.untilStory(preserved, 'crashed panicked', bootMs);
    const kept = await client.get('crash-preserved');
    expect(kept.status).toMatchObject({ state: DomainState.CRASHED, reason: DomainStateReason.PANICKED });
    expect(kept.status?.pid).toBeGreaterThan(0n);
    for (const id of ['crash-destroyed', 'crash-restarted', 'crash-preserved']) await client.remove(id);
    await system.tape.untilStory(preserved, 'undefined removed');
    expect(system.tape.story(preserved)).toEqual([
      'defined added',
      'started booted',
      'crashed panicked',
      'stopped destroyed',
      'undefined removed',
    ]);
  });
});

describe('its hypervisor', () => {
  it('is killed from outside', async () => {
    const { status, uid } = await client.run('killed', idleMachine());
    process.kill(Number(status?.pid), 'SIGKILL');
    const ended = await system.tape.untilStory(uid, 'stopped crashed');
    expect(ended.domain?.status).toMatchObject({ state: DomainState.SHUTOFF, reason: DomainStateReason.CRASHED });
    expect(ended.domain?.status?.message).toMatch(/SIGKILL/);
    expect(await system.traces(uid)).toEqual([]);
    expect((await client.start('killed')).status).toMatchObject({ state: DomainState.RUNNING, message: '' });
    await client.remove('killed');
  });

  it('is asked by a signal to end', async () => {
    const { status, uid } = await client.run('terminated', idleMachine());
    process.kill(Number(status?.pid), 'SIGTERM');
    await system.tape.untilStory(uid, /^stopped/);
    expect(system.tape.story(uid)).toEqual(['defined added', 'started booted', 'shutdown host', 'stopped destroyed']);
    expect((await client.get('terminated')).status).toMatchObject({ state: DomainState.SHUTOFF, reason: DomainStateReason.DESTROYED });
    await client.delete('terminated');
  });

  it('ends with a transient domain, of which nothing stays', async () => {
    const { status, uid } = await client.create('passing', idleMachine(), { transient: true });
    process.kill(Number(status?.pid), 'SIGKILL');
    expect((await system.tape.untilStory(uid, 'stopped crashed')).gone).toBe(true);
    await expect(client.get('passing')).rejects.toMatchObject({ reason: 'DOMAIN_NOT_FOUND' });
    expect(await system.traces(uid)).toEqual([]);
  });
});

describe('a device speaks', () => {
  it('the watchdog, when the guest does not rewind it', async () => {
    const uid = await doing('barks', 'watchdog', { watchdog: { action: WatchdogAction.PAUSE } });
    await system.tape.untilStory(uid, 'suspended watchdog', bootMs);
    expect(system.tape.story(uid)).toEqual(['defined added', 'started booted', 'watchdog pause', 'suspended watchdog']);
    expect((await client.get('barks')).status).toMatchObject({ state: DomainState.PAUSED, reason: DomainStateReason.WATCHDOG });
    expect((await client.resume('barks')).status).toMatchObject({ state: DomainState.RUNNING });
    await client.remove('barks');
  });

  it('the guest, when it puts itself to sleep', async () => {
    const uid = await doing('sleeps', 'suspend');
    await system.tape.untilStory(uid, 'pmsuspended memory', bootMs);
    expect((await client.get('sleeps')).status?.state).toBe(DomainState.PMSUSPENDED);
    await client.remove('sleeps');
  });

  it('a disk, when the host has no room for it, and goes on when it has', async () => {
    const mount = join(system.disks, 'tiny');
    await mkdir(mount);
    await runCommand(['mount', '-t', 'tmpfs', '-o', 'size=1m,mode=755', 'tiny', mount]);
    try {
      await makeDisk(join(mount, 'disk.raw'), 16n * mebibyte, 'raw');
      const { uid } = await client.run(
        'full',
        linuxGuest(image, 'virtmesh.agent=no', { disks: [fileDisk(join(mount, 'disk.raw'), 'raw', { id: 'data' })] }),
      );
      await using shell = new ConsoleSession(client.connection, { name: client.name('full'), replayBytes: -1n });
      await shell.ready();
      shell.type('dd if=/dev/zero of=/dev/vda bs=64k count=32 conv=fsync; echo written $?\n');
      await system.tape.untilStory(uid, 'suspended io_error');
      expect(system.tape.story(uid).filter((label) => label !== 'io_error data stop')).toEqual([
        'defined added',
        'started booted',
        'suspended io_error',
      ]);
      const error = system.tape.domains(uid).find(({ kind }) => kind?.$case === 'ioError');
      expect(error?.kind).toMatchObject({ value: { disk: 'data', action: 'stop', noSpace: true } });
      expect((await client.get('full')).status).toMatchObject({ state: DomainState.PAUSED, reason: DomainStateReason.IO_ERROR });
      await runCommand(['mount', '-o', 'remount,size=32m', mount]);
      await client.resume('full');
      await shell.until(/written 0/);
      expect((await client.get('full')).status).toMatchObject({ state: DomainState.RUNNING });
      await client.remove('full');
    } finally {
      await client.destroy('full', { force: true }).catch(() => undefined);
      await runCommand(['umount', mount]);
    }
  });
});

it('the stream has all of it once and in order', () => {
  expect(brokenRules(system.tape.events)).toEqual([]);
});

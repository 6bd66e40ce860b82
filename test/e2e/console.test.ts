import { Fault } from '@virtmesh/base';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleSession } from '../support/console-session.ts';
import { linuxGuest } from '../support/domain-specs.ts';
import { guestImage } from '../support/guest-image.ts';
import { TestSystem } from '../support/system.ts';
import type { TestClient } from '../support/test-client.ts';

let system: TestSystem;
beforeAll(async () => {
  const image = await guestImage();
  system = await TestSystem.start({ fleet: true });
  const client = await system.client();
  await client.run('talker', linuxGuest(image, '', { consoles: [{}] }));
  await using shell = new ConsoleSession(client.connection, { name: client.name('talker'), replayBytes: -1n });
  await shell.ready();
}, 120_000);
afterAll(async () => system[Symbol.asyncDispose]());

describe.each(['agent', 'fleet'] as const)('consoles, opened at the %s', (scope) => {
  let client: TestClient;
  beforeAll(async () => {
    client = await system.client(scope);
  });
  const open = (over: object = {}): ConsoleSession => new ConsoleSession(client.connection, { name: client.name('talker'), ...over });

  it('runs commands in the guest', async () => {
    await using shell = open();
    expect(await shell.opened).toEqual({ name: client.name('talker'), device: 'serial0', writable: true });
    expect(await shell.run('echo $((6 * 7))')).toBe('42');
    expect(await shell.run('echo "ünïcode 🙂"')).toBe('ünïcode 🙂');
  });

  it('opens the paravirtual console by its id', async () => {
    await using shell = open({ device: 'console0' });
    expect(await shell.opened).toMatchObject({ device: 'console0', writable: true });
    expect(await shell.run('tty')).toBe('/dev/hvc0');
  });

  it('shows followers what the writer sees, and lets them write nothing', async () => {
    await using writer = open();
    await using follower = open({ readOnly: true });
    await using other = open({ readOnly: true });
    expect(await follower.opened).toMatchObject({ writable: false });
    await Promise.all([writer.opened, other.opened]);
    await writer.run('echo "for all of you"');
    await follower.until(/\nfor all of you\r?\n/);
    await other.until(/\nfor all of you\r?\n/);
    follower.type('echo not for me\n');
    await expect(
      follower.ended.then(
        () => 'ended',
        (thrown: unknown) => Fault.from(thrown).reason,
      ),
    ).resolves.toMatch(/PERMISSION_DENIED|REQUEST_INVALID/);
  });

  it('has one writer, and another one takes over only by force', async () => {
    await using first = open();
    await first.opened;
    await using refused = open();
    await expect(refused.opened).rejects.toMatchObject({ reason: 'CONSOLE_IN_USE', metadata: { holder: 'virtmesh://local' } });
    await using elsewhere = new ConsoleSession((await system.client(scope === 'agent' ? 'fleet' : 'agent')).connection, {
      name: client.name('talker'),
    });
    await expect(elsewhere.opened, 'at the other scope it is the same console').rejects.toMatchObject({ reason: 'CONSOLE_IN_USE' });
    await using taker = open({ force: true });
    expect(await taker.opened).toMatchObject({ writable: true });
    await expect(first.ended).rejects.toMatchObject({ reason: 'CONSOLE_IN_USE' });
    expect(await taker.run('echo mine')).toBe('mine');
  });

  it('replays its log, whole or the end of it, and ends there when asked', async () => {
    await using shell = open();
    await shell.run('echo "to be found later"');
    await using whole = open({ readOnly: true, noFollow: true, replayBytes: -1n });
    await whole.ended;
    expect(whole.text).toMatch(/virtmesh guest: hello from guest[\s\S]*to be found later/);
    await using end = open({ readOnly: true, noFollow: true, replayBytes: 40n });
    await end.ended;
    expect(Buffer.byteLength(end.text)).toBeLessThanOrEqual(40);
    expect(whole.text.endsWith(end.text)).toBe(true);
    await using none = open({ readOnly: true, noFollow: true });
    await none.ended;
    expect(none.text).toBe('');
  });

  it('is refused where there is none', async () => {
    await using unknown = open({ device: 'serial7' });
    await expect(unknown.opened).rejects.toMatchObject({ reason: 'DEVICE_NOT_FOUND' });
    await using nobody = new ConsoleSession(client.connection, { name: client.name('nobody') });
    await expect(nobody.opened).rejects.toMatchObject({ reason: 'DOMAIN_NOT_FOUND' });
  });

  it('ends with its guest, and its log stays', async () => {
    await using shell = open();
    await shell.run('echo "last words"');
    await client.destroy('talker');
    await shell.ended;
    await using closed = open();
    await expect(closed.opened).rejects.toMatchObject({ reason: 'STATE_INVALID' });
    await using log = open({ noFollow: true, replayBytes: -1n });
    await log.ended;
    expect(log.text).toContain('last words');
    await client.start('talker');
    await using again = open({ replayBytes: -1n });
    await again.until(/last words[\s\S]*virtmesh guest: hello from guest[\s\S]*guest# /);
  });
});

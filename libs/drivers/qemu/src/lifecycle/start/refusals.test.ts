import { DiskDevice, DiskFormat } from '@virtmesh/contracts/domain/v1/disk';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { Vnc } from '@virtmesh/contracts/domain/v1/graphics';
import { Firmware } from '@virtmesh/contracts/domain/v1/boot';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Life, ownerOf, World } from '../../testing/world.ts';

describe('what a start takes and refuses', () => {
  let world: World;
  let life: Life;
  beforeAll(async () => {
    world = await World.open();
    life = await world.life();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  const raw = (name: string, mode = 0o644): string => {
    const path = join(world.images, name);
    writeFileSync(path, Buffer.alloc(1024 * 1024), { mode });
    chmodSync(path, mode);
    return path;
  };
  const disk = (path: string, more: object = {}) =>
    ({
      source: { source: { $case: 'filePath', value: path } },
      format: path.endsWith('.qcow2') ? DiskFormat.QCOW2 : DiskFormat.RAW,
      ...more,
    }) as const;
  const refuses = async (
    disks: readonly ReturnType<typeof disk>[],
    more: object = {},
  ): Promise<{ readonly reason: string; readonly message: string; readonly metadata: Record<string, string> }> => {
    const guest = life.newGuest();
    const thrown: unknown = await life.start(guest, life.spec(guest, undefined, { disks: [...disks], ...more })).then(
      async (running) => {
        await life.finish(running);
        throw new Error('it started');
      },
      (fault: unknown) => fault,
    );
    expect(world.processes(guest)).toEqual([]);
    return thrown as { readonly reason: string; readonly message: string; readonly metadata: Record<string, string> };
  };

  it('names a file that is missing, is not a file, or lies outside the roots, also by a symlink', async () => {
    expect(await refuses([disk(join(world.images, 'none.raw'))])).toMatchObject({
      reason: 'HOST_INCOMPATIBLE',
      metadata: { field: 'spec.disks[0].source.file_path' },
      message: expect.stringContaining('no such file'),
    });
    mkdirSync(join(world.images, 'directory.raw'));
    expect(await refuses([disk(join(world.images, 'directory.raw'))])).toMatchObject({
      reason: 'HOST_INCOMPATIBLE',
      message: expect.stringContaining('is a directory'),
    });
    symlinkSync('/etc/passwd', join(world.images, 'escape.raw'));
    expect(await refuses([disk(join(world.images, 'escape.raw'))])).toMatchObject({
      reason: 'HOST_INCOMPATIBLE',
      message: expect.stringContaining('truly /etc/passwd'),
    });
    expect(ownerOf('/etc/passwd')).toBe('0:0:644');
    symlinkSync(world.directory, join(world.images, 'up'));
    writeFileSync(join(world.directory, 'outside.raw'), 'x');
    expect(await refuses([disk(join(world.images, 'up', 'outside.raw'))])).toMatchObject({
      message: expect.stringContaining('outside the allowed roots'),
    });
    execFileSync('mkfifo', [join(world.images, 'fifo.raw')]);
    expect(await refuses([disk(join(world.images, 'fifo.raw'))])).toMatchObject({ message: expect.stringContaining('is a fifo') });
    expect(await refuses([disk('/dev/null')])).toMatchObject({ message: expect.stringContaining('outside the allowed roots') });
  });

  it('follows a symlink that stays below the roots', async () => {
    const target = raw('target.raw');
    symlinkSync(target, join(world.images, 'link.raw'));
    const guest = life.newGuest();
    const running = await life.start(guest, life.spec(guest, join(world.images, 'link.raw')));
    expect(statSync(target).uid).toBeGreaterThan(700_000);
    await life.finish(running);
    expect(statSync(target).uid).toBe(0);
  });

  it('reads the header of a qcow2 image and checks its backing chain', async () => {
    writeFileSync(join(world.images, 'fake.qcow2'), 'not an image at all');
    expect(await refuses([disk(join(world.images, 'fake.qcow2'))])).toMatchObject({
      reason: 'HOST_INCOMPATIBLE',
      message: expect.stringContaining('not a usable qcow2 image'),
    });
    const outside = join(world.directory, 'base.raw');
    writeFileSync(outside, Buffer.alloc(1024 * 1024));
    const create = (name: string, ...args: string[]): string => {
      execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', ...args, join(world.images, name)]);
      return join(world.images, name);
    };
    expect(await refuses([disk(create('escape.qcow2', '-b', outside, '-F', 'raw'))])).toMatchObject({
      message: expect.stringContaining('outside the allowed roots'),
    });
    expect(await refuses([disk(create('nbd.qcow2', '-u', '-b', 'nbd://localhost:1/x', '-F', 'raw', '-o', 'size=1M'))])).toMatchObject({
      message: expect.stringContaining('not a plain path'),
    });
    raw('base.raw');
    const unnamed = create('no-format.qcow2', '-b', 'base.raw', '-F', 'raw');
    const bytes = readFileSync(unnamed);
    bytes.writeUInt32BE(0x12345678, bytes.indexOf(Buffer.from('e2792aca', 'hex')));
    writeFileSync(unnamed, bytes);
    expect(await refuses([disk(unnamed)])).toMatchObject({ message: expect.stringContaining('records no format') });
    const chain = create('chain.qcow2', '-b', create('middle.qcow2', '-b', 'base.raw', '-F', 'raw'), '-F', 'qcow2');
    const guest = life.newGuest();
    const running = await life.start(guest, life.spec(guest, chain));
    expect((running.record['files'] as { readonly path: string }[]).map((file) => file.path)).toEqual(
      ['chain.qcow2', 'middle.qcow2', 'base.raw'].map((name) => join(world.images, name)),
    );
    // Others may read what this one reads, and nobody may write to it.
    const reader = life.newGuest();
    const beside = await life.start(reader, life.spec(reader, create('beside.qcow2', '-b', 'base.raw', '-F', 'raw')));
    expect(await refuses([disk(join(world.images, 'base.raw'))])).toMatchObject({ reason: 'RESOURCE_IN_USE' });
    await life.finish(beside);
    await life.finish(running);
  });

  it('refuses a disk that another guest or device has, unless both share it', async () => {
    const path = raw('one.raw');
    expect(await refuses([disk(path), disk(path)])).toMatchObject({
      reason: 'RESOURCE_IN_USE',
      message: expect.stringContaining('used twice'),
    });
    const shared = raw('shared.raw', 0o600);
    const before = ownerOf(shared);
    const [a, b] = [life.newGuest(), life.newGuest()];
    const first = await life.start(a, life.spec(a, undefined, { disks: [disk(shared, { shareable: true })] }));
    const second = await life.start(b, life.spec(b, undefined, { disks: [disk(shared, { shareable: true })] }));
    expect(await refuses([disk(shared)])).toMatchObject({ reason: 'RESOURCE_IN_USE', metadata: { path: shared } });
    await life.finish(first);
    expect(ownerOf(shared)).not.toBe(before);
    await life.finish(second);
    expect(ownerOf(shared)).toBe(before);
  });

  it('tells of a disk that a process which is no guest of ours has locked', async () => {
    const path = world.image('locked.qcow2');
    const holder = (await import('node:child_process')).spawn('qemu-io', ['-f', 'qcow2', path], { stdio: ['pipe', 'pipe', 'ignore'] });
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    expect(await refuses([disk(path)])).toMatchObject({ reason: 'RESOURCE_IN_USE', metadata: { stderr: expect.stringContaining('lock') } });
    holder.stdin.end();
    await new Promise((resolve) => holder.once('exit', resolve));
  });

  it("names what the guest's user cannot come to, and the remedy", async () => {
    const closed = join(world.images, 'closed');
    mkdirSync(closed);
    chmodSync(closed, 0o700);
    const path = join(closed, 'a.raw');
    writeFileSync(path, Buffer.alloc(512));
    expect(await refuses([disk(path)])).toMatchObject({
      reason: 'HOST_INCOMPATIBLE',
      metadata: { barrier: closed, remedy: `chmod o+x ${closed}` },
    });
    const secret = raw('secret.raw', 0o600);
    expect(await refuses([disk(secret, { readOnly: true })])).toMatchObject({
      reason: 'HOST_INCOMPATIBLE',
      metadata: { barrier: secret, remedy: `chmod o+r ${secret}` },
    });
    expect(ownerOf(secret)).toBe('0:0:600');
    expect(await refuses([disk(secret, { device: DiskDevice.CDROM })])).toMatchObject({ reason: 'HOST_INCOMPATIBLE' });
    const writable = raw('own.raw', 0o600);
    chownSync(writable, 1234, 5678);
    const guest = life.newGuest();
    const running = await life.start(guest, life.spec(guest, writable));
    expect(ownerOf(writable)).toMatch(/^70\d{4}:5678:600$/);
    await life.finish(running);
    expect(ownerOf(writable)).toBe('1234:5678:600');
  });

  it('keeps a restored file as it is where it is another one by now', async () => {
    const path = raw('swapped.raw');
    const guest = life.newGuest();
    const running = await life.start(guest, life.spec(guest, path));
    execFileSync('rm', [path]);
    writeFileSync(path, 'new');
    chownSync(path, 4321, 4321);
    await life.finish(running);
    expect(ownerOf(path)).toBe('4321:4321:644');
  });

  it('makes the UEFI variables from the template, once, and keeps them until the domain is forgotten', async () => {
    const guest = life.newGuest();
    const spec = life.spec(guest, undefined, { boot: { firmware: Firmware.UEFI } });
    const nvram = join(world.directory, 'state/domains', guest.uid, 'nvram.fd');
    const first = await life.start(guest, spec);
    expect(ownerOf(nvram)).toMatch(/^70\d{4}:\d+:600$/);
    await life.finish(first);
    expect(ownerOf(nvram)).toBe('0:0:600');
    writeFileSync(nvram, Buffer.concat([readFileSync(nvram).subarray(0, -1), Buffer.from('!')]));
    const second = await life.start(guest, spec);
    await life.finish(second);
    expect(readFileSync(nvram).at(-1)).toBe('!'.charCodeAt(0));
    await life.driver.lifecycle.forget(guest);
    expect(existsSync(nvram)).toBe(false);
    const named = join(world.images, 'vars.fd');
    expect(await refuses([], { boot: { firmware: Firmware.UEFI, nvramPath: named }, qemu: { args: ['-nonsense'] } })).toMatchObject({
      reason: 'HYPERVISOR_FAILED',
    });
    expect(existsSync(named)).toBe(false);
    expect(await refuses([], { boot: { firmware: Firmware.UEFI, nvramPath: '/etc/vars.fd' } })).toMatchObject({
      reason: 'HOST_INCOMPATIBLE',
    });
    expect(existsSync('/etc/vars.fd')).toBe(false);
  });

  it('chooses and checks VNC ports', async () => {
    const vnc = (port = 0): Partial<DomainSpec> => ({
      graphics: [{ id: 'vnc0', protocol: { $case: 'vnc', value: Vnc.fromPartial({ port }) } }],
    });
    const { first: port } = world.vncPorts;
    const narrow = await world.life({ vncPorts: { first: port, last: port + 1 } });
    const taken = createServer().listen(port, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const [a, b] = [narrow.newGuest(), narrow.newGuest()];
    const first = await narrow.start(a, narrow.spec(a, undefined, vnc()));
    expect(first.started.activeSpec.graphics[0]?.protocol?.value.port).toBe(port + 1);
    await expect(narrow.start(b, narrow.spec(b, undefined, vnc()))).rejects.toMatchObject({ reason: 'ADDRESS_EXHAUSTED' });
    await expect(narrow.start(b, narrow.spec(b, undefined, vnc(port)))).rejects.toMatchObject({
      reason: 'RESOURCE_IN_USE',
      metadata: { port: String(port), field: 'spec.graphics[0].vnc.port' },
    });
    await narrow.finish(first);
    taken.close();
  });

  it('refuses a guest that is larger than the free memory, and one more than there are users', async () => {
    expect(await refuses([], { memory: { sizeBytes: 1n << 50n } })).toMatchObject({
      reason: 'MEMORY_EXHAUSTED',
      metadata: { needed_bytes: String((1n << 50n) + (64n << 20n)) },
    });
    const users = 720_000 + (process.pid % 1000) * 2;
    const few = await world.life({ guestUids: { first: users, count: 2 } });
    const [a, b] = [few.newGuest(), few.newGuest()];
    const first = await few.start(a, few.spec(a, undefined));
    expect(statSync(`/proc/${first.started.observed.pid}`).uid).toBe(users + 1);
    await expect(few.start(b, few.spec(b, undefined))).rejects.toMatchObject({ reason: 'ADDRESS_EXHAUSTED' });
    await few.finish(first);
    const again = await few.start(b, few.spec(b, undefined));
    await few.finish(again);
  });

  it('says why the driver cannot be used', async () => {
    await expect(world.life({ binary: '/nonexistent/qemu' })).rejects.toMatchObject({ reason: 'DRIVER_UNAVAILABLE' });
    await expect(world.life({ runDir: `/tmp/${'x'.repeat(80)}` })).rejects.toMatchObject({ reason: 'DRIVER_UNAVAILABLE' });
    const closed = join(world.directory, 'closed');
    mkdirSync(closed);
    chmodSync(closed, 0o700);
    await expect(world.life({ runDir: join(closed, 'run') })).rejects.toMatchObject({
      reason: 'DRIVER_UNAVAILABLE',
      metadata: { remedy: `chmod o+x ${closed}` },
    });
  });
});

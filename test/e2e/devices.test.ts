import { readdir, readFile, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Firmware } from '@virtmesh/contracts/domain/v1/boot';
import { runCommand } from '@virtmesh/tools/run-command';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleSession } from '../support/console-session.ts';
import { fileDisk, idleMachine, linuxGuest, mebibyte } from '../support/domain-specs.ts';
import { eventually } from '../support/eventually.ts';
import { type GuestImage, guestImage, makeDisk } from '../support/guest-image.ts';
import { foreignFiles, processStatus } from '../support/host-traces.ts';
import { TestSystem } from '../support/system.ts';
import type { TestClient } from '../support/test-client.ts';

let image: GuestImage;
let system: TestSystem;
let client: TestClient;
beforeAll(async () => {
  image = await guestImage();
  system = await TestSystem.start();
  client = await system.client();
}, 120_000);
afterAll(async () => system[Symbol.asyncDispose]());

/** What a VNC server offers: the version of its protocol, and after ours its kinds of security. */
async function greetVnc(address: string): Promise<{ version: string; security: number[] }> {
  const [host = '', port] = address.split(':');
  const socket = connect(Number(port), host);
  try {
    const input = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const version = ((await input.next()).value as Buffer).toString('latin1');
    socket.write('RFB 003.008\n');
    const [, ...security] = (await input.next()).value as Buffer;
    return { version, security };
  } finally {
    socket.destroy();
  }
}

describe('VNC', () => {
  it('listens where the status says, with a password where one is set, which nobody reads back', async () => {
    const vnc = (password: string): object => ({ protocol: { $case: 'vnc', value: { password } } });
    const domain = await client.run(
      'seen',
      idleMachine({
        graphics: [
          { id: 'open', ...vnc('') },
          { id: 'locked', ...vnc('s3cret') },
        ],
        videos: [{}],
      }),
    );
    const { locked = '', open = '' } = domain.status?.graphicsAddresses ?? {};
    expect(open).toMatch(/^127\.0\.0\.1:1(59|6[0-4])\d\d$/);
    expect(await greetVnc(open)).toEqual({ version: 'RFB 003.008\n', security: [1] });
    expect(await greetVnc(locked)).toEqual({ version: 'RFB 003.008\n', security: [2] });
    for (const spec of [domain.spec, domain.activeSpec]) {
      expect(spec?.graphics.map(({ protocol }) => [protocol?.value.password, protocol?.value.passwordSet])).toEqual([
        ['', false],
        ['', true],
      ]);
    }
    expect(await readFile(`/proc/${domain.status?.pid}/cmdline`, 'utf8')).not.toContain('s3cret');
    await client.destroy('seen');
    // The password is kept, though it is not shown.
    const again = await client.start('seen');
    expect((await greetVnc(again.status?.graphicsAddresses['locked'] ?? '')).security).toEqual([2]);
    await client.remove('seen');
  });
});

describe('a guest with UEFI and two disks', () => {
  const raw = (): string => join(system.disks, 'written.raw');
  const qcow2 = (): string => join(system.disks, 'written.qcow2');
  let nvram = '';

  it('boots, and writes to both', async () => {
    await makeDisk(raw(), 4n * mebibyte, 'raw');
    await makeDisk(qcow2(), 4n * mebibyte, 'qcow2');
    const spec = linuxGuest(image, '', { memory: { sizeBytes: 256n * mebibyte }, disks: [fileDisk(raw()), fileDisk(qcow2(), 'qcow2')] });
    const domain = await client.run('uefi', { ...spec, boot: { ...spec.boot, firmware: Firmware.UEFI } as never });
    nvram = join(system.stateDir, 'domains', domain.uid, 'nvram.fd');
    const user = Number((await processStatus(Number(domain.status?.pid), 'Uid')).split('\t')[0]);
    expect(user).toBeGreaterThan(700_000);
    for (const path of [raw(), qcow2(), nvram]) expect((await stat(path)).uid, path).toBe(user);
    expect((await stat(nvram)).mode & 0o777).toBe(0o600);

    await using shell = new ConsoleSession(client.connection, { name: client.name('uefi'), replayBytes: -1n });
    await shell.ready();
    expect(await shell.run('ls -d /sys/firmware/efi')).toBe('/sys/firmware/efi');
    for (const device of ['vda', 'vdb']) {
      await shell.run(`printf "written to ${device}" | dd of=/dev/${device} bs=512 seek=5 conv=fsync 2>/dev/null`);
      expect(await shell.run(`dd if=/dev/${device} bs=1 skip=2560 count=14 2>/dev/null`)).toBe(`written to ${device}`);
    }
  });

  it('refuses to share what it writes to', async () => {
    await client.create('thief', idleMachine({ disks: [fileDisk(raw())] }));
    await expect(client.start('thief')).rejects.toMatchObject({ reason: 'RESOURCE_IN_USE' });
    await client.delete('thief');
  });

  it('leaves its data behind, and its files to whom they belonged', async () => {
    const { uid } = await client.destroy('uefi');
    expect((await readFile(raw())).toString('latin1', 2560, 2574)).toBe('written to vda');
    const flat = join(system.disks, 'flat');
    await runCommand(['qemu-img', 'convert', '-O', 'raw', qcow2(), flat]);
    expect((await readFile(flat)).toString('latin1', 2560, 2574)).toBe('written to vdb');
    expect(await foreignFiles(system.disks)).toEqual([]);
    expect(((await stat(raw())).mode & 0o777).toString(8)).toBe('666');
    expect((await stat(nvram)).uid).toBe(0);
    expect(await system.traces(uid)).toEqual([]);
  });

  it('keeps its variables until it is undefined', async () => {
    const made = (await stat(nvram)).ino;
    await client.start('uefi', { paused: true });
    expect((await stat(nvram)).ino).toBe(made);
    await client.remove('uefi');
    await expect(stat(nvram)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await foreignFiles(system.disks)).toEqual([]);
    expect((await stat(raw())).size).toBe(4 * 1024 * 1024);
  });
});

describe('confinement', () => {
  it('runs each guest as a user of its own, in a session and control group of its own, without privileges', async () => {
    const guests = await Promise.all(['one', 'two'].map(async (id) => client.run(id, idleMachine())));
    const users = new Set<string>();
    for (const { status, uid } of guests) {
      const pid = Number(status?.pid);
      const [own, effective, saved, files] = (await processStatus(pid, 'Uid')).split('\t');
      expect([effective, saved, files]).toEqual([own, own, own]);
      users.add(own ?? '');
      expect(Number(own)).toBeGreaterThan(700_000);
      expect(await processStatus(pid, 'Seccomp')).toBe('2');
      expect(await processStatus(pid, 'NoNewPrivs')).toBe('1');
      expect(await processStatus(pid, 'CapEff')).toBe('0000000000000000');
      expect(await processStatus(pid, 'Groups')).toBe('');
      const [, , , , session] = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '. . ').split(' ');
      expect(Number(session)).toBe(pid);
      expect(await readFile(`/proc/${pid}/cgroup`, 'utf8')).toContain(`/virtmesh/${uid}`);
      const [program, ...args] = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
      expect(program).toMatch(/\/qemu-system-x86_64$/);
      expect(args[args.indexOf('-sandbox') + 1]).toContain('spawn=deny');
      expect(Number(await processStatus(pid, 'PPid')), 'the agent has spawned it itself, without a shell').toBe(system.agent.pid);
    }
    expect(users.size).toBe(2);
    for (const id of ['one', 'two']) await client.remove(id);
  });
});

describe('a bridge', () => {
  // Without an uplink: what is sent on it stays between the guest and this host.
  const bridge = `vmtest${process.pid}`;
  const ip = (...command: readonly string[]): Promise<string> => runCommand(['ip', ...command]);
  beforeAll(async () => {
    await ip('link', 'add', bridge, 'type', 'bridge');
    await ip('addr', 'add', '10.213.7.1/24', 'dev', bridge);
    await ip('link', 'set', bridge, 'up');
  });
  afterAll(async () => {
    await ip('link', 'delete', bridge);
  });

  it('joins the guest to the node, until its cable is out', async () => {
    const taps = (): Promise<string[]> => readdir(`/sys/class/net/${bridge}/brif`);
    const { uid } = await client.run(
      'bridged',
      linuxGuest(image, '', { interfaces: [{ id: 'lan', backend: { $case: 'bridge', value: { bridge } } }] }),
    );
    expect(await taps()).toEqual([expect.stringMatching(/^vm[0-9a-f]{12}$/)]);
    expect(await system.traces(uid)).toContain(`network interface ${(await taps())[0]}`);
    await using shell = new ConsoleSession(client.connection, { name: client.name('bridged'), replayBytes: -1n });
    await shell.ready();
    await shell.run('ifconfig eth0 10.213.7.2 netmask 255.255.255.0');
    expect(await shell.run('ping -c 1 -W 5 10.213.7.1 > /dev/null && echo reached || echo lost')).toBe('reached');
    const { interfaces } = await client.connection.domains.getDomainStats({ name: client.name('bridged') });
    expect(interfaces).toMatchObject([{ id: 'lan', hostDevice: (await taps())[0] }]);
    expect(interfaces[0]?.transmitPackets).toBeGreaterThan(0n);
    expect(interfaces[0]?.receivePackets).toBeGreaterThan(0n);
    const { spec } = await client.get('bridged');
    await client.update('bridged', ['interfaces'], { interfaces: spec?.interfaces.map((each) => ({ ...each, linkDown: true })) ?? [] });
    await eventually('the cable out', async () => (await shell.run('cat /sys/class/net/eth0/carrier')) === '0');
    await client.destroy('bridged');
    expect(await taps()).toEqual([]);
    expect(await system.traces(uid)).toEqual([]);
  });

  it('is refused where it is not', async () => {
    await client.create('nowhere', idleMachine({ interfaces: [{ backend: { $case: 'bridge', value: { bridge: 'br-none' } } }] }));
    await expect(client.start('nowhere')).rejects.toMatchObject({ reason: 'HOST_INCOMPATIBLE' });
    await client.delete('nowhere');
  });
});

import { runSteps } from '@virtmesh/base';
import { DiskFormat } from '@virtmesh/contracts/domain/v1/disk';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { AddressSource } from '@virtmesh/contracts/domain/v1/guest';
import { DumpFormat } from '@virtmesh/contracts/domain/v1/saved_state';
import { type AnyDevice, type ExecOrder, type ExecSession, withDevice } from '@virtmesh/driver-spi';
import { setTimeout as pass } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LinuxGuest } from '../testing/linux-guest.ts';
import { type Life, soon, World } from '../testing/world.ts';

describe('a guest with an operating system', () => {
  let world: World;
  let life: Life;
  let linux: LinuxGuest;
  let spec: DomainSpec;
  beforeAll(async () => {
    world = await World.open();
    life = await LinuxGuest.life(world);
    linux = await LinuxGuest.boot(life, {
      cpu: { vcpus: 1, maxVcpus: 3 },
      disks: [{ source: { source: { $case: 'filePath', value: world.image('data.qcow2', '32M') } }, format: DiskFormat.QCOW2 }],
      interfaces: [{ backend: { $case: 'user', value: {} } }],
      videos: [{}],
    });
    spec = linux.running.started.activeSpec;
    await life.event(linux.running.guest, (event) => event.t === 'guest-agent' && event.connected);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it('tells its addresses, each with the interface of the definition', async () => {
    const { addresses } = { addresses: life.feature('addresses') };
    await linux.hears(/eth0 has 10\.0\.2\.15/);
    const found = await addresses.addresses(linux.running.guest, spec, AddressSource.GUEST, soon());
    expect(found.find((each) => each.interface === 'net0')).toMatchObject({
      name: 'eth0',
      macAddress: spec.interfaces[0]?.macAddress,
      addresses: expect.arrayContaining(['10.0.2.15/24']),
    });
    expect(found.find((each) => each.name === 'lo')).toMatchObject({ interface: '', addresses: expect.arrayContaining(['127.0.0.1/8']) });
    expect(await addresses.addresses(linux.running.guest, spec, AddressSource.UNSPECIFIED, soon())).toEqual(found);
    // User networking is no network of the host.
    expect(await addresses.addresses(linux.running.guest, spec, AddressSource.NEIGHBOURS, soon())).toEqual([
      { name: '', interface: 'net0', macAddress: spec.interfaces[0]?.macAddress, addresses: [] },
    ]);
  });

  it('runs commands, and tells what they wrote and how they ended', async () => {
    const order = (command: string[], more: Partial<ExecOrder> = {}): ExecOrder => ({
      command,
      environment: {},
      workingDirectory: '/',
      uid: 0,
      gid: 0,
      ...more,
    });
    const exec = (...args: Parameters<typeof order>): Promise<ExecSession> =>
      life.feature('exec').exec(linux.running.guest, order(...args), soon());
    const all = async (session: ExecSession) => {
      const texts = { output: '', error: '' };
      for await (const { stream, bytes } of session.output) texts[stream] += Buffer.from(bytes).toString();
      return { ...texts, ...(await session.ended) };
    };
    {
      await using session = await exec(['sh', '-c', 'echo "$1 $COLOUR"; echo bad >&2; exit 3', 'sh', 'a b'], {
        environment: { COLOUR: 'red' },
      });
      expect(session.pid).toBeGreaterThan(0);
      expect(await all(session)).toEqual({ output: 'a b red\n', error: 'bad\n', exitCode: 3, signal: 0 });
    }
    {
      await using session = await exec(['sh', '-c', 'cat; wc -c'], { firstInput: Buffer.from('hello') });
      expect(await all(session)).toEqual({ output: 'hello0\n', error: '', exitCode: 0, signal: 0 });
      await using more = await exec(['wc', '-c'], { firstInput: Buffer.alloc(300_000, 7) });
      expect((await all(more)).output).toBe('300000\n');
    }
    {
      // More than comes at once over the channel.
      await using session = await exec(['dd', 'if=/dev/zero', 'bs=1024', 'count=300']);
      expect((await all(session)).output.length).toBe(300 * 1024);
    }
    {
      await using session = await exec(['sleep', '1000']);
      await session.kill(15);
      expect(await all(session)).toMatchObject({ exitCode: 143, signal: 15 });
      await expect(session.write(Buffer.from('x'))).rejects.toMatchObject({ reason: 'FEATURE_UNSUPPORTED' });
      await expect(session.resize({ rows: 1, columns: 1 })).rejects.toMatchObject({ reason: 'FEATURE_UNSUPPORTED' });
    }
    // The agent looks for programs here first.
    await linux.runs(`printf '#!/bin/sh\necho "$@" >> /tmp/kills\nexec busybox kill "$@"\n' > /usr/sbin/kill; chmod +x /usr/sbin/kill`);
    const over = await exec(['true']);
    await all(over);
    await over[Symbol.asyncDispose]();
    const left = await exec(['sleep', '1234']);
    await left[Symbol.asyncDispose]();
    await expect.poll(() => linux.runs('ps')).not.toContain('1234');
    // One that has ended is not killed: another process may have its number.
    expect(await linux.runs('cat /tmp/kills')).toBe(`-9 ${left.pid}`);
    await expect(exec(['/none'])).rejects.toMatchObject({ reason: 'REQUEST_INVALID', violations: [{ field: 'open.command' }] });
    for (const [field, more] of [
      ['terminal', { terminal: { rows: 24, columns: 80 } }],
      ['working_directory', { workingDirectory: '/tmp' }],
      ['uid', { uid: 1 }],
      ['gid', { gid: 1 }],
    ] as const)
      await expect(exec(['true'], more)).rejects.toMatchObject({ reason: 'REQUEST_INVALID', violations: [{ field: `open.${field}` }] });
  });

  it('tells of itself and its file systems, which are frozen and thawed', async () => {
    await linux.runs('mke2fs /dev/vda > /dev/null; mkdir -p /mnt; mount -t ext4 /dev/vda /mnt');
    const { guest } = linux.running;
    const info = await life.feature('guestInfo').guestInfo(guest, spec, soon());
    expect(info).toMatchObject({
      hostname: 'guest',
      agentVersion: expect.stringMatching(/^\d+\.\d+/),
      os: { machine: 'x86_64', kernelRelease: expect.stringContaining('cloud-amd64') },
      timezone: { offsetSeconds: 0 },
    });
    expect(info.filesystems).toContainEqual(expect.objectContaining({ mountPoint: '/mnt', device: 'vda', type: 'ext4', disks: ['disk0'] }));
    expect(info.filesystems[0]?.totalBytes).toBeGreaterThan(0n);
    const freeze = life.feature('freeze');
    expect(await freeze.freeze(guest, ['/mnt'], soon())).toBe(1);
    const writes = linux.runs('(echo x > /mnt/x; sync; echo written > /dev/ttyS0) & sleep 0.2');
    expect(await writes).not.toContain('written');
    // What is frozen cannot be frozen again, and who froze it can rely on it.
    await expect(freeze.freeze(guest, [], soon())).rejects.toMatchObject({ reason: 'STATE_INVALID', metadata: { state: 'frozen' } });
    expect(await linux.runs('sleep 0.2')).not.toContain('written');
    // The agent does nothing meanwhile that could write, and says so.
    await expect(life.feature('addresses').addresses(guest, spec, AddressSource.GUEST, soon())).rejects.toMatchObject({
      reason: 'GUEST_AGENT_FAILED',
      metadata: { command: 'guest-network-get-interfaces', desc: expect.stringContaining('disabled') },
    });
    expect(await freeze.thaw(guest, [], soon())).toBe(1);
    await linux.hears(/written/);
    expect(await freeze.freeze(guest, [], soon())).toBe(1);
    expect(await freeze.thaw(guest, [], soon())).toBe(1);
    expect(await freeze.thaw(guest, [], soon())).toBe(0);
    await expect(freeze.thaw(guest, ['/mnt'], soon())).rejects.toMatchObject({ reason: 'FEATURE_UNSUPPORTED' });
    await linux.runs('umount /mnt');
  });

  it('sees a disk grow, which never shrinks', async () => {
    const { guest } = linux.running;
    const resize = (bytes: bigint, disk = 'disk0') => life.feature('resizeDisk').resizeDisk(guest, spec, disk, bytes, soon());
    const MiB = 1024n * 1024n;
    await resize(48n * MiB);
    await expect.poll(() => linux.runs('cat /sys/block/vda/size')).toBe(String((48 * 1024 * 1024) / 512));
    await resize(48n * MiB);
    await expect(resize(32n * MiB)).rejects.toMatchObject({ reason: 'REQUEST_INVALID', metadata: { field: 'size_bytes' } });
    await expect(resize(48n * MiB + 1n)).rejects.toMatchObject({ reason: 'REQUEST_INVALID' });
    await expect(resize(48n * MiB, 'none')).rejects.toMatchObject({ reason: 'DEVICE_NOT_FOUND' });
  });

  it('gets more vCPUs, and keeps them', async () => {
    const { guest } = linux.running;
    const to = DomainSpec.fromPartial({ ...spec, cpu: { ...spec.cpu, vcpus: 3 } });
    const update = life.feature('liveUpdate');
    expect(update.verdict('cpu.vcpus', spec, to)).toEqual({ supported: true });
    await update.apply(guest, spec, to, ['cpu.vcpus'], soon());
    await expect.poll(() => linux.runs('ls /sys/devices/system/cpu')).toContain('cpu2');
    expect(update.verdict('cpu.vcpus', to, spec)).toMatchObject({ supported: false, why: expect.stringContaining('next start') });
    const many = DomainSpec.fromPartial({ ...spec, cpu: { ...spec.cpu, vcpus: 4, maxVcpus: 3 } });
    expect(update.verdict('cpu.vcpus', spec, many)).toMatchObject({ supported: false });
    expect((await life.driver.lifecycle.observe(guest, soon())).vcpus).toBe(3);
    spec = to;
  });

  it('shows its display and hears keys', async () => {
    const { guest } = linux.running;
    const screenshot = life.feature('screenshot');
    expect(screenshot.displays(spec)).toEqual(['video0']);
    const { mimeType, data } = await screenshot.screenshot(guest, 'video0', soon());
    expect(mimeType).toBe('image/png');
    expect(Buffer.from(data).toString('latin1', 0, 8)).toBe('\x89PNG\r\n\x1a\n');
    expect(Buffer.from(data).toString('latin1', data.length - 8, data.length - 4)).toBe('IEND');
    await expect(screenshot.screenshot(guest, 'none', soon())).rejects.toMatchObject({ reason: 'DEVICE_NOT_FOUND' });
    expect(await world.host.files.list(world.runDir(guest))).not.toContainEqual(expect.stringContaining('picture'));
    const keys = life.feature('sendKeys');
    // Each press and release is three events of 24 bytes: the scan code, the key, and the end.
    const events = linux.runs(
      'timeout 20 dd if=/dev/input/event0 bs=24 count=12 2> /dev/null | hexdump -v -e \'24/1 "%02x" "\\n"\' | cut -c33-',
    );
    await pass(1000);
    for (const key of ['KEY_A', 'KEY_LEFTSHIFT']) await keys.sendKeys(guest, [key], 50, soon());
    const heard = (await events).split('\n').filter((event) => event.startsWith('0100'));
    expect(heard).toEqual(['01001e0001000000', '01001e0000000000', '01002a0001000000', '01002a0000000000']);
    await expect(keys.sendKeys(guest, ['KEY_NONE'], 50, soon())).rejects.toMatchObject({ reason: 'REQUEST_INVALID' });
    await keys.sendKeys(guest, [...keys.keys].filter((key) => !/SYSRQ|POWER|SLEEP|DELETE/.test(key)).slice(0, 16), 10, soon());
  });

  it.each([
    [DumpFormat.ELF, '\x7fELF'],
    [DumpFormat.KDUMP_ZLIB, 'makedumpfile'],
  ])('is dumped in format %s, and runs on', async (format, magic) => {
    const { guest } = linux.running;
    const chunks: Uint8Array[] = [];
    const told: [bigint, bigint][] = [];
    const dump = life.feature('dump');
    expect(dump.formats).toContain(format);
    const progress = (done: bigint, total: bigint): void => void told.push([done, total]);
    await dump.dump(guest, { format, live: false }, async (bytes) => void chunks.push(bytes), progress, AbortSignal.timeout(50_000));
    const whole = Buffer.concat(chunks);
    expect(whole.toString('latin1', 0, magic.length)).toBe(magic);
    expect(told.at(-1)).toEqual([BigInt(whole.length), BigInt(whole.length)]);
    if (format === DumpFormat.ELF) expect(whole.length).toBeGreaterThan(160 * 1024 * 1024);
    expect(await linux.runs('echo on')).toBe('on');
    const full = async (): Promise<void> => {
      throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
    };
    await expect(dump.dump(guest, { format, live: false }, full, progress, soon())).rejects.toMatchObject({ code: 'ENOSPC' });
    const cancel = new AbortController();
    const cancelling = async (): Promise<void> => cancel.abort();
    await expect(dump.dump(guest, { format, live: false }, cancelling, progress, cancel.signal)).rejects.toMatchObject({
      reason: 'OPERATION_CANCELLED',
    });
    expect(await linux.runs('echo on')).toBe('on');
    await expect(dump.dump(guest, { format, live: true }, full, progress, soon())).rejects.toMatchObject({ reason: 'FEATURE_UNSUPPORTED' });
  });

  it('is asked by an agent that is attached while it runs', async () => {
    // The agent's channel goes and comes back, as any other device.
    const { guest } = linux.running;
    const without = DomainSpec.fromPartial({ ...spec, channels: [] });
    const hotplug = life.feature('hotplug');
    const base = { guest, guestTimeoutMs: 5000, force: false, save: () => {} };
    await runSteps(hotplug.plan({ ...base, change: { what: 'detach', device: 'channel0' }, from: spec, to: without }).steps, soon());
    await expect(life.feature('guestInfo').guestInfo(guest, without, soon())).rejects.toMatchObject({ reason: 'GUEST_AGENT_UNRESPONSIVE' });
    const from = life.of(guest).length;
    const to = life.driver.complete(withDevice(without, { $case: 'channel', value: { id: '', kind: 1 } } as AnyDevice), guest);
    await runSteps(hotplug.plan({ ...base, change: { what: 'attach', device: 'channel0' }, from: without, to }).steps, soon());
    await linux.runs('killall qemu-ga; rm -rf /run/agent; ls /dev/virtio-ports');
    await linux.runs('(qemu-ga -m virtio-serial -p /dev/virtio-ports/org.qemu.guest_agent.0 > /dev/null 2>&1 &)');
    await life.event(guest, (event) => event.t === 'guest-agent' && event.connected, from);
    expect(await life.feature('guestInfo').guestInfo(guest, to, soon())).toMatchObject({ hostname: 'guest' });
  });
});

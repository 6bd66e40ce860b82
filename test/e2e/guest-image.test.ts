import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GuestImage, guestImage, makeDisk } from '../support/guest-image.ts';
import { RawQemu } from '../support/raw-qemu.ts';

let image: GuestImage;
let directory: string;

beforeAll(async () => {
  image = await guestImage();
  directory = await mkdtemp(join(tmpdir(), 'virtmesh-guest-'));
}, 120_000);
afterAll(async () => rm(directory, { recursive: true, force: true }));

async function boot(kernelArguments: string, ...devices: readonly string[]): Promise<RawQemu> {
  const append = `console=ttyS0 quiet panic=-1 ${kernelArguments}`;
  return RawQemu.start([
    '-accel',
    'tcg',
    '-machine',
    'q35',
    '-cpu',
    'max',
    '-m',
    '256',
    '-kernel',
    image.kernel,
    '-initrd',
    image.initrd,
    '-append',
    append,
    ...devices,
  ]);
}

async function ready(qemu: RawQemu): Promise<void> {
  await qemu.until('ready line', () => qemu.console.includes('virtmesh guest: ready'));
}

/** Asks the guest agent one thing over its socket. */
async function askAgent(path: string, command: string): Promise<unknown> {
  const socket = connect(path);
  try {
    for await (const line of createInterface({
      input: socket.on('connect', () => socket.write(`${JSON.stringify({ execute: command })}\n`)),
    })) {
      return (JSON.parse(line) as { return: unknown }).return;
    }
    throw new Error('the guest agent hung up');
  } finally {
    socket.destroy();
  }
}

describe('guest image', () => {
  it('says hello, gets an address, has a shell and obeys the power button', async () => {
    await using qemu = await boot(
      'virtmesh.hostname=first',
      '-netdev',
      'user,id=n0,restrict=on',
      '-device',
      'virtio-net-pci,netdev=n0',
      '-device',
      'virtio-balloon',
    );
    await qemu.until('address', () => qemu.console.includes('virtmesh guest: eth0 has 10.0.2.15'));
    expect(
      qemu.console
        .split('\n')
        .find((line) => line.startsWith('virtmesh guest'))
        ?.trim(),
    ).toBe('virtmesh guest: hello from first');
    await qemu.until('prompt', () => qemu.console.includes('guest# '));
    qemu.type('echo $((6 * 7)) from $(hostname)\n');
    await qemu.until('answer of the shell', () => qemu.console.includes('42 from first'));
    await qemu.execute('balloon', { value: 200 * 2 ** 20 });
    await qemu.until('balloon event', () => qemu.events.some((e) => e.event === 'BALLOON_CHANGE'));
    await qemu.execute('system_powerdown');
    await qemu.until('shutdown', () => qemu.events.some((e) => e.event === 'SHUTDOWN' && e.data?.['reason'] === 'guest-shutdown'));
  });

  it('runs the guest agent, which shuts it down', async () => {
    const agent = join(directory, 'agent');
    await using qemu = await boot(
      '',
      '-device',
      'virtio-serial',
      '-chardev',
      `socket,id=a,path=${agent},server=on,wait=off`,
      '-device',
      'virtserialport,id=agent0,chardev=a,name=org.qemu.guest_agent.0',
    );
    await qemu.until('agent', () => qemu.events.some((e) => e.event === 'VSERPORT_CHANGE' && e.data?.['open'] === true));
    expect(await askAgent(agent, 'guest-get-osinfo')).toMatchObject({ id: 'virtmesh-guest' });
    const asked = askAgent(agent, 'guest-shutdown').catch(() => undefined);
    await qemu.until('shutdown', () => qemu.events.some((e) => e.event === 'SHUTDOWN' && e.data?.['reason'] === 'guest-shutdown'));
    await qemu.until('exit', () => qemu.child.exitCode !== null);
    await asked;
  });

  it.each([
    { hook: 'poweroff', devices: [], event: 'SHUTDOWN', data: { reason: 'guest-shutdown' } },
    { hook: 'reboot', devices: ['-no-reboot'], event: 'SHUTDOWN', data: { reason: 'guest-reset' } },
    { hook: 'panic', devices: ['-device', 'pvpanic-pci'], event: 'GUEST_PANICKED', data: { action: 'poweroff' } },
    { hook: 'watchdog', devices: ['-device', 'i6300esb', '-action', 'watchdog=pause'], event: 'WATCHDOG', data: { action: 'pause' } },
    { hook: 'suspend', devices: [], event: 'SUSPEND', data: undefined },
  ])('does $hook when asked on the command line', async ({ hook, devices, event, data }) => {
    await using qemu = await boot(`virtmesh.do=${hook} virtmesh.after=1`, ...devices);
    await ready(qemu);
    const seen = await qemu.until(event, () => qemu.events.find((e) => e.event === event));
    if (data) expect(seen.data).toMatchObject(data);
  });

  it('leaves the power button and the agent alone when asked', async () => {
    const agent = join(directory, 'no-agent');
    await using qemu = await boot(
      'virtmesh.powerbutton=no virtmesh.agent=no',
      '-device',
      'virtio-serial',
      '-chardev',
      `socket,id=a,path=${agent},server=on,wait=off`,
      '-device',
      'virtserialport,id=agent0,chardev=a,name=org.qemu.guest_agent.0',
    );
    await qemu.until('prompt', () => qemu.console.includes('guest# '));
    await qemu.execute('system_powerdown');
    qemu.type('sleep 1; echo still $((1 + 1))\n');
    await qemu.until('sign of life', () => qemu.console.includes('still 2'));
    expect(qemu.events.map((e) => e.event)).not.toContain('SHUTDOWN');
    expect(qemu.events.some((e) => e.event === 'VSERPORT_CHANGE' && e.data?.['open'] === true)).toBe(false);
  });

  it('counts on a paravirtual console and writes to a disk', async () => {
    const log = join(directory, 'hvc0.log');
    const disk = join(directory, 'disk.raw');
    await makeDisk(disk, 16n * 1024n * 1024n, 'raw');
    await using qemu = await boot(
      'virtmesh.count=hvc0 virtmesh.every_ms=20 virtmesh.write=vda',
      '-device',
      'virtio-serial',
      '-chardev',
      `file,id=h,path=${log}`,
      '-device',
      'virtconsole,chardev=h',
      '-drive',
      `if=virtio,format=raw,file=${disk}`,
    );
    await ready(qemu);
    qemu.type('sleep 2; echo waited $((2 + 2))\n');
    await qemu.until('wait', () => qemu.console.includes('waited 4'));
    const printed = await readFile(log, 'utf8');
    expect(printed).toMatch(/count 1\r?\ncount 2\r?\n/);
    expect(printed).toContain('guest# ');
    expect((await readFile(disk)).toString('latin1', 512, 520)).toBe('1       ');
  });
});

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHost } from '@virtmesh/host';
import type { Host } from '@virtmesh/driver-spi';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chooseUefi, findUefi, type UefiFirmware } from '../probe/firmware.ts';
import { QmpClient } from '../qmp/index.ts';
import { goldens } from '../testing/goldens.ts';
import { guest, launchOf } from '../testing/launch.ts';
import { parseArgv } from '../testing/parse-argv.ts';
import { buildArgv } from './build-argv.ts';

// The golden command lines are what we think that QEMU takes. Here the real one takes each of them, with the files, sockets
// and devices that they name put in place, up to the point where the guest would run.

const firstLog = 10;
/** A network of this run's own, so that no port is taken. */
const loopback = `127.${(process.pid >> 8) & 0xff}.${process.pid & 0xff}`;

let host: Host;
let firmwares: readonly UefiFirmware[];
let root: string;

beforeAll(async () => {
  host = await createHost();
  firmwares = await findUefi(host);
  root = await mkdtemp(join(tmpdir(), 'vm-argv-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

test.each(goldens.map((golden) => [golden.name, golden] as const))(
  'QEMU takes %s',
  { timeout: 30_000 },
  async (name, { spec, accelerators }) => {
    const lacks = await lacking(name);
    const launch = launchOf(spec, { accelerators });
    const directory = join(root, name);
    await mkdir(directory);
    await using taps = await makeTaps(Object.values(launch.taps));
    await placeFiles(
      directory,
      JSON.stringify(launch.spec, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
    );
    const uefi =
      launch.uefi &&
      chooseUefi(firmwares, { arch: launch.binary.arch, machine: launch.spec.machine, secureBoot: launch.spec.boot?.secureBoot ?? false });
    if (uefi) await host.files.copyNew(uefi.template, join(directory, 'g.fd'), { mode: 0o600 });
    if (uefi) await host.files.copyNew(uefi.template, join(directory, 'vars.fd'), { mode: 0o600 });
    const argv = buildArgv({ ...launch, taps: taps.renamed(launch.taps), uefi }).map((argument) => placed(argument, directory));

    await using qemu = await start(directory, argv, launch.spec.serials.length + launch.spec.consoles.length);
    const signal = AbortSignal.timeout(10_000);
    // QEMU greets before it makes the devices, and answers after.
    const answered = qemu.qmp.execute('qmp_capabilities', {}, signal);
    if (lacks !== undefined) {
      await expect(answered).rejects.toMatchObject({ reason: 'HYPERVISOR_FAILED' });
      expect(await qemu.words()).toContain(lacks);
      return;
    }
    await answered.catch(async () => expect.fail(`QEMU ended: ${await qemu.words()}`));
    expect(await qemu.qmp.executeAny('query-name', {}, signal)).toEqual({ name: guest.id });
    expect(await qemu.qmp.executeAny('query-uuid', {}, signal)).toEqual({ UUID: guest.uid });
    expect(await qemu.qmp.execute('query-status', {}, signal)).toMatchObject({ status: 'prelaunch', running: false });
    expect(await peripherals(qemu.qmp, signal)).toEqual(expect.arrayContaining(deviceIds(argv)));
    expect(await files(qemu.qmp, signal)).toEqual(filenames(argv));
    expect(qemu.wordsSoFar()).toBe('');
  },
);

/** What this host does not have, as QEMU says it. */
async function lacking(name: string): Promise<string | undefined> {
  if (name === 'vsock' && (await host.files.stat('/dev/vhost-vsock')) === undefined) return 'vhost-vsock: failed to open vhost device';
  if (name.startsWith('kvm-') && (await host.files.stat('/dev/kvm')) === undefined) return 'Could not access KVM kernel module';
  return undefined;
}

/** The recorded paths and addresses as they are in this run. */
function placed(argument: string, directory: string): string {
  return argument
    .replaceAll(/\/var\/lib\/virtmesh\/(?:images|nvram)\//g, `${directory}/`)
    .replaceAll('/run/virtmesh/g/', `${directory}/`)
    .replaceAll(/127\.0\.0\.(\d+)/g, `${loopback}.$1`);
}

/** Every file below the recorded image directory that a definition names. */
async function placeFiles(directory: string, spec: string): Promise<void> {
  const names = [...spec.matchAll(/"\/var\/lib\/virtmesh\/images\/((?:[^"\\]|\\.)*)"/g)].map(
    ([, name]) => JSON.parse(`"${name}"`) as string,
  );
  for (const name of names) {
    const path = join(directory, name);
    await mkdir(join(path, '..'), { recursive: true });
    if (name.endsWith('.qcow2'))
      await host.processes.run('/usr/bin/qemu-img', ['create', '-q', '-f', 'qcow2', path, '1M'], { signal: AbortSignal.timeout(10_000) });
    else await writeFile(path, name.startsWith('vmlinuz') || name.startsWith('k,er') ? kernel() : Buffer.alloc(1024 * 1024));
  }
}

/** The least that QEMU takes for a Linux kernel: the header of the boot protocol. */
function kernel(): Buffer {
  const image = Buffer.alloc(64 * 1024);
  image[0x1f1] = 1;
  image.write('HdrS', 0x202);
  image.writeUInt16LE(0x020c, 0x206);
  image[0x211] = 1;
  image.writeUInt32LE(0x7fffffff, 0x22c);
  return image;
}

interface Taps extends AsyncDisposable {
  renamed(taps: Readonly<Record<string, string>>): Readonly<Record<string, string>>;
}

async function makeTaps(names: readonly string[]): Promise<Taps> {
  const own = (name: string): string => `${name}t${process.pid}`;
  const ip = (...args: readonly string[]): Promise<unknown> =>
    host.processes.run('/usr/sbin/ip', args, { signal: AbortSignal.timeout(10_000) });
  for (const name of names) await ip('tuntap', 'add', 'dev', own(name), 'mode', 'tap');
  return {
    renamed: (taps) => Object.fromEntries(Object.entries(taps).map(([id, name]) => [id, own(name)])),
    [Symbol.asyncDispose]: async () => {
      for (const name of names) await ip('link', 'delete', own(name));
    },
  };
}

interface RunningQemu extends AsyncDisposable {
  readonly qmp: QmpClient;
  /** All that it wrote to stderr; waits for its end. */
  words(): Promise<string>;
  wordsSoFar(): string;
}

async function start(directory: string, argv: readonly string[], logs: number): Promise<RunningQemu> {
  const monitor = join(directory, 'qmp.sock');
  const listening = await host.sockets.listen(monitor);
  const pipes = await Promise.all(Array.from({ length: logs }, () => host.sockets.pipe()));
  const unused = Array.from({ length: firstLog - 4 }, () => 'ignore' as const);
  const child = await host.processes.spawn({
    file: '/usr/bin/qemu-system-x86_64',
    args: argv,
    descriptors: ['ignore', 'ignore', 'pipe', listening.fd, ...unused, ...pipes.map(({ writeFd }) => writeFd)],
    detached: false,
  });
  let stderr = '';
  child.streams.get(2)?.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
  // QEMU alone has the listening socket now, so that its end is seen by those who wait for its greeting.
  await listening.close();
  const qmp = new QmpClient(await host.sockets.connect(monitor, AbortSignal.timeout(10_000)));
  return {
    qmp,
    words: async () => {
      await child.exited;
      return stderr;
    },
    wordsSoFar: () => stderr,
    [Symbol.asyncDispose]: async () => {
      host.processes.kill(child.identity, 'SIGKILL');
      await child.exited;
      qmp.close();
      for (const pipe of pipes) {
        pipe.closeRead();
        pipe.closeWrite();
      }
    },
  };
}

const deviceIds = (argv: readonly string[]): string[] => valuesOf(argv, / -device id$/);
const filenames = (argv: readonly string[]): ReadonlySet<unknown> => new Set(valuesOf(argv, / -blockdev filename$/));

function valuesOf(argv: readonly string[], key: RegExp): string[] {
  return parseArgv(argv).flatMap((each) => (key.test(each.key) ? [each.value] : []));
}

async function peripherals(qmp: QmpClient, signal: AbortSignal): Promise<unknown[]> {
  const children = await qmp.executeAny<readonly { readonly name: string }[]>('qom-list', { path: '/machine/peripheral' }, signal);
  return children.map(({ name }) => name);
}

interface BlockNode {
  readonly drv: string;
  readonly file: string;
  readonly 'node-name': string;
}

/** The files that QEMU has opened, in its own words, but for the firmware's. */
async function files(qmp: QmpClient, signal: AbortSignal): Promise<ReadonlySet<unknown>> {
  const nodes = await qmp.executeAny<readonly BlockNode[]>('query-named-block-nodes', { flat: true }, signal);
  return new Set(nodes.flatMap((node) => (node.drv === 'file' && node['node-name'].startsWith('file') ? [node.file] : [])));
}

import { readdir, readFile, realpath } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { runCommand } from '../process/run-command.ts';
import { moduleFiles } from './kernel-modules.ts';
import { type ArchiveEntry, newcArchive } from './newc-archive.ts';

/** What the guest's devices need. The cloud kernel has no AHCI, e1000 and i6300esb. */
const modules = [
  'virtio_pci',
  'virtio_net',
  'virtio_blk',
  'virtio_console',
  'virtio_balloon',
  'virtio_rng',
  'virtio_scsi',
  'vmw_vsock_virtio_transport',
  'sd_mod',
  'sr_mod',
  'isofs',
  'ata_piix',
  'button',
  'evdev',
  'pvpanic_pci',
  'pvpanic_mmio',
];

const sources = import.meta.dirname;

async function source(name: string): Promise<Buffer> {
  return readFile(join(sources, 'guest', name));
}

/** The libraries of a program inside a tree, found by the tree's own loader, so that the host's play no part. */
async function libraries(root: string, program: string): Promise<readonly ArchiveEntry[]> {
  const loader = join(root, 'lib64/ld-linux-x86-64.so.2');
  const path = [join(root, 'lib/x86_64-linux-gnu'), join(root, 'usr/lib/x86_64-linux-gnu')].join(':');
  const listing = await runCommand([await realpathInside(root, loader), '--library-path', path, '--list', join(root, program)]);
  if (/not found/.test(listing)) throw new Error(`${program} needs a library that no package of the guest has:\n${listing}`);
  const files = [...listing.matchAll(/=> (\S+) \(/g)].map((match) => match[1] ?? '').filter((file) => file.startsWith(root));
  const entries = files.map(async (file): Promise<ArchiveEntry> => ({
    kind: 'file',
    path: `lib/${basename(file)}`,
    data: await readFile(file),
    executable: true,
  }));
  return [
    ...(await Promise.all(entries)),
    { kind: 'file', path: 'lib64/ld-linux-x86-64.so.2', data: await readFile(await realpathInside(root, loader)), executable: true },
  ];
}

/** Follows a link of a tree whose target may be absolute within that tree. */
async function realpathInside(root: string, path: string): Promise<string> {
  const target = await realpath(path).catch(() => undefined);
  if (target?.startsWith(root)) return target;
  return join(root, 'lib/x86_64-linux-gnu', basename(path));
}

async function moduleEntries(root: string): Promise<readonly ArchiveEntry[]> {
  const versions = await readdir(join(root, 'lib/modules'));
  const version = versions[0];
  if (version === undefined || versions.length > 1)
    throw new Error(`expected one kernel in ${root}, found ${versions.join(', ') || 'none'}`);
  const files = await moduleFiles(join(root, 'lib/modules', version), modules);
  const entries = files.map(async (file): Promise<ArchiveEntry> => ({
    kind: 'file',
    path: `lib/modules/${basename(file)}`,
    data: await readFile(file),
    executable: false,
  }));
  const order = files.map((file) => `${basename(file)}\n`).join('');
  return [...(await Promise.all(entries)), { kind: 'file', path: 'etc/modules.list', data: Buffer.from(order), executable: false }];
}

async function script(path: string, name: string): Promise<ArchiveEntry> {
  return { kind: 'file', path, data: await source(name), executable: true };
}

function text(path: string, content: string): ArchiveEntry {
  return { kind: 'file', path, data: Buffer.from(content), executable: false };
}

/** Builds the guest's initial file system, gzipped, from unpacked packages. Equal inputs give equal bytes. */
export async function buildInitramfs(root: string): Promise<Buffer> {
  const agent = 'usr/sbin/qemu-ga';
  const entries: readonly ArchiveEntry[] = [
    await script('init', 'init'),
    { kind: 'file', path: 'bin/busybox', data: await readFile(join(root, 'bin/busybox')), executable: true },
    { kind: 'file', path: agent, data: await readFile(join(root, agent)), executable: true },
    ...(await libraries(root, agent)),
    ...(await moduleEntries(root)),
    await script('etc/arguments', 'arguments'),
    await script('etc/hotplug', 'hotplug'),
    await script('etc/hooks', 'hooks'),
    await script('etc/udhcpc/default.script', 'udhcpc.script'),
    await script('etc/acpi/PWRF/00000080', 'power-button'),
    await script('sbin/shutdown', 'shutdown'),
    text('etc/passwd', 'root::0:0:root:/:/bin/sh\n'),
    text('etc/group', 'root:x:0:\n'),
    text('etc/os-release', 'ID=virtmesh-guest\nNAME="virtmesh test guest"\nPRETTY_NAME="virtmesh test guest"\nVERSION_ID="1"\n'),
    text('etc/profile', "PS1='guest# '\n"),
    { kind: 'directory', path: 'var/log' },
    { kind: 'directory', path: 'var/run' },
    { kind: 'directory', path: 'tmp' },
  ];
  // gzip and not zstd: an emulated guest unpacks it 1.5 s sooner.
  return gzipSync(newcArchive(entries), { level: 9 });
}

/** The files of this folder that decide what the image holds, by path and content. */
export async function recipe(): Promise<readonly (readonly [path: string, content: Buffer])[]> {
  const names = (await readdir(sources, { recursive: true, withFileTypes: true })).filter(
    (entry) => entry.isFile() && !/\.(test\.ts|md)$/.test(entry.name),
  );
  const paths = names.map((entry) => join(entry.parentPath, entry.name)).toSorted();
  return Promise.all(paths.map(async (path) => [relative(sources, path), await readFile(path)] as const));
}

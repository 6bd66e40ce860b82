import type { FileKind, FileOwner, FileStat, HostFiles, OpenFile } from '@virtmesh/driver-spi';
import { constants, createReadStream, readlinkSync, type Stats, watch } from 'node:fs';
import { chmod, chown, type FileHandle, mkdir, open, readdir, readlink, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { removeTree } from './remove-tree.ts';

const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = constants;

export function hostFiles(): HostFiles {
  return {
    open: openFile,
    readText: readBounded,
    writeText: writeWhole,
    copyNew: copyExclusively,
    stat: (path) => absentAs(undefined, async () => statOf(await stat(path))),
    space: async (path) => {
      const { bsize, blocks, bfree } = await statfs(path, { bigint: true });
      return { totalBytes: bsize * blocks, usedBytes: bsize * (blocks - bfree) };
    },
    makeDirectory: makeOwnedDirectory,
    readLink: (path) => absentAs(undefined, () => readlink(path)),
    list: (path) => absentAs<readonly string[]>([], () => readdir(path)),
    rename,
    remove: (path) => removeTree(path),
    watch: watchDirectory,
  };
}

async function openFile(path: string): Promise<OpenFile> {
  const handle = await open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  try {
    // The kernel's own, which waits for no disk.
    return openedFile(handle, readlinkSync(`/proc/self/fd/${handle.fd}`));
  } catch (thrown) {
    await handle.close();
    throw thrown;
  }
}

const skippedBytes = 64 * 1024;

/** Node cannot move the position of a descriptor but by reading. */
async function skipTo(handle: FileHandle, position: number): Promise<number> {
  for (let left = position; left > 0;) {
    const length = Math.min(left, skippedBytes);
    const { bytesRead } = await handle.read(Buffer.alloc(length), 0, length, null);
    if (bytesRead === 0) break;
    left -= bytesRead;
  }
  return handle.fd;
}

const openedFile = (handle: FileHandle, realPath: string): OpenFile => ({
  realPath,
  stat: async () => statOf(await handle.stat()),
  read: async (position, length) => {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
    return buffer.subarray(0, bytesRead);
  },
  chown: ({ uid, gid }) => handle.chown(uid, gid),
  chmod: (mode) => handle.chmod(mode),
  descriptorAt: (position) => skipTo(handle, position),
  [Symbol.asyncDispose]: () => handle.close(),
});

async function readBounded(path: string, maxBytes: number): Promise<string> {
  const handle = await open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  try {
    if (!(await handle.stat()).isFile()) throw Object.assign(new Error(`${path} is no file`), { code: 'EINVAL', path });
    const chunks: Buffer[] = [];
    let length = 0;
    // The size that stat tells is 0 in /proc and /sys, so it is read until its end.
    for (;;) {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(65536, maxBytes + 1 - length)), 0);
      if (bytesRead === 0) return Buffer.concat(chunks, length).toString('utf8');
      length += bytesRead;
      chunks.push(buffer.subarray(0, bytesRead));
      if (length > maxBytes) throw Object.assign(new Error(`${path} is longer than ${maxBytes} bytes`), { code: 'EFBIG', path });
    }
  } finally {
    await handle.close();
  }
}

async function writeWhole(path: string, text: string | Uint8Array, mode: number): Promise<void> {
  const temporary = `${path}.new`;
  await writeFile(temporary, text, { mode });
  await rename(temporary, path);
}

async function copyExclusively(from: string, to: string, options: { readonly mode: number; readonly owner?: FileOwner }): Promise<boolean> {
  if (await absentAs(undefined, () => stat(to))) return false;
  const temporary = `${to}.new`;
  await rm(temporary, { force: true });
  try {
    // By what is open and not by its name: others may write in the directory.
    await using copy = await open(temporary, 'wx', options.mode);
    await copy.writeFile(createReadStream(from));
    await copy.chmod(options.mode);
    if (options.owner) await copy.chown(options.owner.uid, options.owner.gid);
    await rename(temporary, to);
    return true;
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw thrown;
  }
}

async function makeOwnedDirectory(path: string, options: { readonly mode: number; readonly owner?: FileOwner }): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o755 });
  await chmod(path, options.mode);
  if (options.owner) await chown(path, options.owner.uid, options.owner.gid);
}

function watchDirectory(directory: string, onChange: (name: string) => void, signal: AbortSignal): void {
  const watcher = watch(directory, { persistent: false, signal });
  watcher.on('change', (_event, name) => onChange(String(name)));
  // A directory that goes away ends the watching; whoever watches learns of that by looking.
  watcher.on('error', () => watcher.close());
}

/** EINVAL is how the kernel says that a file is no symlink. */
const absentCodes: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'EINVAL']);

async function absentAs<T>(absent: T, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && absentCodes.has(thrown.code)) return absent;
    throw thrown;
  }
}

const statOf = (stats: Stats): FileStat => ({
  kind: kindOf(stats),
  sizeBytes: stats.size,
  mtimeMs: stats.mtimeMs,
  mode: stats.mode & 0o7777,
  uid: stats.uid,
  gid: stats.gid,
  identity: `${stats.dev}:${stats.ino}`,
  device: deviceOf(stats.rdev),
  filesystem: deviceOf(stats.dev),
});

/** As the kernel hands device numbers to programs: 20 bits of minor around 12 of major. */
const deviceOf = (rdev: number): FileStat['device'] => ({
  major: (rdev >>> 8) & 0xfff,
  minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00),
});

function kindOf(stats: Stats): FileKind {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isSocket()) return 'socket';
  if (stats.isFIFO()) return 'fifo';
  return stats.isBlockDevice() ? 'block' : 'character';
}

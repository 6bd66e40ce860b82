import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory } from '../setup/cache-directory.ts';
import type { PackageTree, Progress } from '../setup/debian-archives.ts';
import { guestPackages } from './guest-packages.ts';
import { putInPlace } from '../setup/put-in-place.ts';
import { buildInitramfs, recipe } from './initramfs.ts';

/** A guest that boots directly: absolute paths that every user can read. They may be in use; never change them. */
export interface GuestImage {
  readonly kernel: string;
  readonly initrd: string;
}

/** Where the image is kept, and who hears of its making. */
export interface GuestImageOptions {
  readonly cache?: string;
  readonly progress?: Progress;
}

async function imageKey(tree: PackageTree): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(tree.archives));
  for (const [path, content] of await recipe()) hash.update(`${path}\0${content.length}\0`).update(content);
  return hash.digest('hex').slice(0, 16);
}

async function build(tree: PackageTree, directory: string): Promise<void> {
  const kernel = (await readdir(join(tree.root, 'boot'))).find((name) => name.startsWith('vmlinuz-'));
  if (kernel === undefined) throw new Error(`no kernel in ${tree.root}/boot`);
  await copyFile(join(tree.root, 'boot', kernel), join(directory, 'vmlinuz'));
  await writeFile(join(directory, 'initramfs.gz'), await buildInitramfs(tree.root));
  for (const name of ['vmlinuz', 'initramfs.gz']) await chmod(join(directory, name), 0o644);
  await chmod(directory, 0o755);
}

/**
 * Answers the small Linux guest of tests, benchmarks and `./dev start`, and builds it first where it is missing: the
 * distribution's cloud kernel, busybox and the QEMU guest agent. It is cached by its inputs; see README.md in this folder.
 */
export async function guestImage(options: GuestImageOptions = {}): Promise<GuestImage> {
  const cache = options.cache ?? cacheDirectory();
  const progress = options.progress ?? (() => undefined);
  const tree = await guestPackages(cache, progress);
  const home = join(cache, 'guest-image');
  const directory = join(home, await imageKey(tree));
  const image = { kernel: join(directory, 'vmlinuz'), initrd: join(directory, 'initramfs.gz') };
  if (
    await stat(image.initrd).then(
      () => true,
      () => false,
    )
  )
    return image;
  progress('guest image: building');
  await mkdir(home, { recursive: true, mode: 0o755 });
  const work = await mkdtemp(join(home, 'building-'));
  try {
    await build(tree, work);
    await putInPlace(work, directory);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return image;
}

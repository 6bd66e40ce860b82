import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandFailed, runCommand } from '../process/run-command.ts';

/** The guest's parts as Debian packages. They are unpacked into the cache and never installed on the host. */
export const guestPackages = ['busybox-static', 'qemu-guest-agent', 'libc6', 'libglib2.0-0', 'libnuma1', 'libpcre2-8-0', 'libudev1', 'liburing2'] as const;

/** Names the newest cloud kernel by its dependency; the kernel itself carries its version in its name. */
const kernelMetapackage = 'linux-image-cloud-amd64';

/** An unpacked set of packages. */
export interface PackageTree {
  /** The root directory that the packages are unpacked in. */
  readonly root: string;
  /** The package files, which name packages and versions; the tree is a function of them. */
  readonly archives: readonly string[];
}

/** Says what is going on, in one line. */
export type Progress = (line: string) => void;

async function exists(path: string): Promise<boolean> {
  return stat(path).then(() => true, () => false);
}

async function kernelPackage(): Promise<string> {
  const depends = await runCommand(['apt-cache', 'depends', '--important', kernelMetapackage]);
  const name = /Depends: (linux-image-\S+-cloud-amd64)\b/.exec(depends)?.[1];
  if (name === undefined) throw new Error(`apt knows no kernel for ${kernelMetapackage}:\n${depends}`);
  return name;
}

async function download(directory: string): Promise<void> {
  // apt's own unprivileged user cannot write here; what it fetches is verified by signature either way.
  await runCommand(['apt-get', 'download', '-qq', '-o', 'APT::Sandbox::User=root', await kernelPackage(), ...guestPackages], { cwd: directory });
}

async function downloadFresh(directory: string, progress: Progress): Promise<void> {
  progress('guest image: downloading kernel, busybox and guest agent');
  try {
    await download(directory);
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    // No package lists yet, or lists that are older than the archive.
    progress('guest image: apt-get update');
    await runCommand(['apt-get', 'update', '-qq']);
    await download(directory);
  }
}

/**
 * Answers the unpacked packages, from the cache if they are there. A tree appears whole or not at all, so that a
 * download that was cut off is repeated, and two that run at once do no harm.
 */
export async function packageTree(cache: string, progress: Progress): Promise<PackageTree> {
  const home = join(cache, 'guest-packages');
  const manifest = join(home, 'archives.json');
  if (!(await exists(manifest))) {
    await mkdir(cache, { recursive: true });
    const work = await mkdtemp(join(cache, 'guest-packages-'));
    try {
      const archives = join(work, 'archives');
      await mkdir(archives);
      await downloadFresh(archives, progress);
      const names = (await readdir(archives)).filter((name) => name.endsWith('.deb')).toSorted();
      for (const name of names) await runCommand(['dpkg-deb', '-x', join(archives, name), join(work, 'root')]);
      await rm(archives, { recursive: true });
      await writeFile(join(work, 'archives.json'), `${JSON.stringify(names, null, 2)}\n`);
      await rename(work, home).catch(async (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      });
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
  return { root: join(home, 'root'), archives: JSON.parse(await readFile(manifest, 'utf8')) as string[] };
}

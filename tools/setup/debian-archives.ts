import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandFailed, runCommand } from '../process/run-command.ts';
import { putInPlace } from './put-in-place.ts';
import { requireApt } from './requirements.ts';

/** Says what is going on, in one line. */
export type Progress = (line: string) => void;

/** Debian packages, unpacked but not installed. */
export interface PackageTree {
  /** The root directory that the packages are unpacked in. */
  readonly root: string;
  /** The package files, which name packages and versions; the tree is a function of them. */
  readonly archives: readonly string[];
}

/** What to unpack, and where. */
export interface UnpackRequest {
  readonly cache: string;
  /** The directory below the cache. */
  readonly name: string;
  /** Answers the packages' names; asked only when they are not there yet. */
  readonly packages: () => Promise<readonly string[]>;
  readonly progress: Progress;
}

async function download(directory: string, { packages }: UnpackRequest): Promise<void> {
  // apt's own unprivileged user cannot write here; what it fetches is verified by signature either way.
  await runCommand(['apt-get', 'download', '-qq', '-o', 'APT::Sandbox::User=root', ...(await packages())], { cwd: directory });
}

async function downloadFresh(directory: string, request: UnpackRequest): Promise<void> {
  request.progress(`downloading packages for ${request.name}`);
  try {
    await download(directory, request);
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    // No package lists yet, or lists that are older than the archive.
    request.progress('apt-get update');
    await runCommand(['apt-get', 'update', '-qq']);
    await download(directory, request);
  }
}

/**
 * Answers unpacked packages, from the cache if they are there. A tree appears whole or not at all, so that a download
 * that was cut off is repeated, and two that run at once do no harm.
 */
export async function unpackedPackages(request: UnpackRequest): Promise<PackageTree> {
  const home = join(request.cache, request.name);
  const manifest = join(home, 'archives.json');
  if (
    !(await stat(manifest).then(
      () => true,
      () => false,
    ))
  )
    await unpack(request, home);
  return { root: join(home, 'root'), archives: JSON.parse(await readFile(manifest, 'utf8')) as string[] };
}

async function unpack(request: UnpackRequest, home: string): Promise<void> {
  requireApt(`the packages of ${request.name}`);
  await mkdir(request.cache, { recursive: true, mode: 0o755 });
  const work = await mkdtemp(join(request.cache, `${request.name}-`));
  try {
    const archives = join(work, 'archives');
    await mkdir(archives);
    await downloadFresh(archives, request);
    const names = (await readdir(archives)).filter((name) => name.endsWith('.deb')).toSorted();
    for (const name of names) await runCommand(['dpkg-deb', '-x', join(archives, name), join(work, 'root')]);
    await rm(archives, { recursive: true });
    await writeFile(join(work, 'archives.json'), `${JSON.stringify(names, null, 2)}\n`);
    await putInPlace(work, home);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

import { accessSync, constants, existsSync, readFileSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Failure } from '../dev/failure.ts';

/** Where programs are looked for: PATH, and where administrators' programs stand even if PATH lacks it. */
export function findProgram(name: string, path: string = process.env['PATH'] ?? ''): string | undefined {
  for (const directory of [...path.split(':'), '/usr/sbin', '/sbin']) {
    const candidate = join(directory || '.', name);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/** Refuses to go on as another user than root. */
export function requireRoot(what: string): void {
  if (process.getuid?.() === 0) return;
  throw new Failure(
    `${what} needs root: it gives guests users and cgroups of their own. Run it with sudo, or in a VM or container as root.`,
  );
}

/** Refuses to go on where there is no apt to get `what` with. */
export function requireApt(what: string): void {
  if (findProgram('apt-get') && findProgram('dpkg-deb')) return;
  throw new Failure(`${what} cannot be installed here: there is no apt-get. Use Debian 12, or install it by this system's own means.`);
}

/** The memory that can be used without swapping, in MiB. */
export function availableMemoryMib(meminfo: string = readFileSync('/proc/meminfo', 'utf8')): number {
  return Math.floor(Number(/^MemAvailable:\s+(\d+) kB$/m.exec(meminfo)?.[1] ?? 0) / 1024);
}

/** Refuses to go on with less memory. */
export function requireMemory(what: string, neededMib: number, available = availableMemoryMib()): void {
  if (available >= neededMib) return;
  throw new Failure(`${what} needs ${neededMib} MiB of memory; ${available} MiB are available. Stop something, or give this machine more.`);
}

/** Refuses to go on with less space where `path` is, or will be. */
export function requireDisk(what: string, path: string, neededMib: number): void {
  let existing = path;
  while (!existsSync(existing)) existing = dirname(existing);
  const { bavail, bsize } = statfsSync(existing);
  const free = Math.floor((bavail * bsize) / 2 ** 20);
  if (free < neededMib)
    throw new Failure(`${what} needs ${neededMib} MiB of disk below ${path}; ${free} MiB are free. Free some space there.`);
}

import { Fault } from '@virtmesh/base';
import type { FileOwner, FileStat, Host } from '@virtmesh/driver-spi';
import { dirname } from 'node:path';

const execute = 1;
const read = 4;

/** The directories above a path, outermost first. */
export function ancestors(path: string): string[] {
  const directories: string[] = [];
  for (let directory = dirname(path); ; directory = dirname(directory)) {
    directories.unshift(directory);
    if (directory === dirname(directory)) return directories;
  }
}

/** Whether a user who is in one group alone has a permission (4 read, 2 write, 1 execute) by the mode of a file. */
export function permits(stat: Pick<FileStat, 'mode' | 'uid' | 'gid'>, user: FileOwner, permission: number): boolean {
  const shift = stat.uid === user.uid ? 6 : stat.gid === user.gid ? 3 : 0;
  return ((stat.mode >> shift) & permission) === permission;
}

/** Refuses with HOST_INCOMPATIBLE a true path that a guest's user cannot come to. Access control lists are not looked at: they can only be seen by trying. */
export async function requireWay(host: Host, realPath: string, user: FileOwner): Promise<void> {
  const directories = ancestors(realPath);
  const stats = await Promise.all(directories.map((directory) => host.files.stat(directory)));
  for (const [index, directory] of directories.entries()) {
    const stat = stats[index];
    if (stat && !permits(stat, user, execute)) throw unreachable(realPath, directory, user, 'enter', `chmod o+x ${directory}`);
  }
}

export function requireReadable(realPath: string, stat: FileStat, user: FileOwner): void {
  if (!permits(stat, user, read)) throw unreachable(realPath, realPath, user, 'read', `chmod o+r ${realPath}`);
}

export const unreachable = (path: string, barrier: string, user: FileOwner, verb: string, remedy: string): Fault =>
  new Fault('HOST_INCOMPATIBLE', `the guest runs as user ${user.uid}, which cannot ${verb} ${barrier}; allow it, such as by: ${remedy}`, {
    path,
    barrier,
    user: String(user.uid),
    remedy,
  });

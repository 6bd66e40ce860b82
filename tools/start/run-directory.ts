import { readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runCommand } from '../process/run-command.ts';
import { type DevLayout, guestsDirectory } from './layout.ts';

/** Whether a guest may run: whatever its hypervisor, something of it stands in the directory then. */
export async function mayHaveGuests(layout: DevLayout): Promise<boolean> {
  // What containers have in common is there without them.
  return (await readdir(guestsDirectory(layout)).catch(() => [])).some((name) => name !== '_shared');
}

/** The mounts below a directory, the deepest first, by the text of /proc/self/mountinfo. */
export function mountsBelow(directory: string, mountinfo: string): readonly string[] {
  const points = mountinfo
    .split('\n')
    .map(
      (line) => line.split(' ')[4]?.replaceAll(/\\(\d{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))) ?? '',
    );
  return points.filter((point) => point.startsWith(`${directory}/`)).toReversed();
}

/** Takes away what LXC keeps for a directory of containers, a pipe and locks, in directories that are named after it. */
export async function clearLxc(directory: string): Promise<void> {
  for (const root of ['/run/lxc', '/run/lxc/lock']) {
    const own = join(root, directory);
    await rm(own, { recursive: true, force: true });
    // Those above it have been made for it too, unless something else is in them.
    let isEmpty = true;
    for (let above = dirname(own); isEmpty && above !== root; above = dirname(above)) {
      isEmpty = await rmdir(above).then(
        () => true,
        () => false,
      );
    }
  }
}

/** Takes away what guests have left. What is mounted there goes first: it may be anybody's data. */
export async function clearGuests(layout: DevLayout): Promise<void> {
  const directory = guestsDirectory(layout);
  for (const point of mountsBelow(directory, await readFile('/proc/self/mountinfo', 'utf8'))) await runCommand(['umount', point]);
  await rm(directory, { recursive: true, force: true });
  await clearLxc(directory);
}

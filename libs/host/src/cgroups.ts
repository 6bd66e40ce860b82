import { Fault, sleep } from '@virtmesh/base';
import type { HostCgroups } from '@virtmesh/driver-spi';
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Where guests get groups of their own: by these the host sees and limits what they use, and a stop of the agent's own
 * group (which systemd makes in its hierarchy and in version 2) does not reach them.
 */
const wanted: ReadonlySet<string> = new Set(['memory', 'cpu', 'cpuacct', 'pids', 'freezer', 'name=systemd']);

export async function hostCgroups(mounts?: string): Promise<HostCgroups> {
  const roots = cgroupRoots(mounts ?? (await readFile('/proc/self/mounts', 'utf8').catch(() => '')));
  const usable = (await Promise.all(roots.map(async (root) => ((await isWritable(root)) ? root : undefined)))).filter(
    (root) => root !== undefined,
  );
  return {
    unavailable:
      usable.length > 0
        ? undefined
        : roots.length === 0
          ? 'no cgroup hierarchy is mounted'
          : `no group can be made below ${roots.join(', ')}`,
    create: async (name) => {
      await Promise.all(usable.map((root) => mkdir(join(root, checked(name)), { recursive: true })));
    },
    attach: async (name, pid) => {
      await Promise.all(usable.map((root) => writeFile(join(root, checked(name), 'cgroup.procs'), String(pid))));
    },
    remove: async (name, signal) => {
      await Promise.all(usable.map((root) => removeGroup(join(root, checked(name)), signal)));
    },
  };
}

/** The mount points of the hierarchies that are used, of `/proc/self/mounts`. */
export function cgroupRoots(mounts: string): string[] {
  const roots: string[] = [];
  for (const line of mounts.split('\n')) {
    const [, path, type, options] = line.split(' ');
    if (!path || !options) continue;
    if (type === 'cgroup2' || (type === 'cgroup' && options.split(',').some((option) => wanted.has(option)))) roots.push(path);
  }
  return [...new Set(roots)];
}

async function isWritable(root: string): Promise<boolean> {
  try {
    await mkdir(join(root, 'virtmesh'), { recursive: true });
    return true;
  } catch {
    return false;
  }
}

async function removeGroup(path: string, signal: AbortSignal): Promise<void> {
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 50)) {
    try {
      await rmdir(path);
      return;
    } catch (thrown) {
      const code = thrown instanceof Error && 'code' in thrown ? thrown.code : '';
      if (code === 'ENOENT') return;
      // A process that has just ended leaves its group a moment later, and only version 2 would tell.
      if (code !== 'EBUSY') throw thrown;
      await sleep(pauseMs, signal);
    }
  }
}

function checked(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]*(?:\/[A-Za-z0-9][A-Za-z0-9_-]*)*$/.test(name))
    throw new Fault('INTERNAL_BUG', `not a name of a control group: ${JSON.stringify(name)}`);
  return name;
}

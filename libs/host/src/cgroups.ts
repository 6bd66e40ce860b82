import { Fault, sleep } from '@virtmesh/base';
import type { HostCgroups } from '@virtmesh/driver-spi';
import { constants, readFileSync } from 'node:fs';
import { access, mkdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cgroupFiles, cgroupLayout } from './cgroup-files.ts';

/**
 * The hierarchies of version 1 in which guests get groups of their own: what the host accounts and limits by processes.
 * Not those of the processor: a group with many guests in it would weigh as much as one process beside it.
 */
const grouped: ReadonlySet<string> = new Set(['memory', 'pids', 'freezer', 'name=systemd']);

/** One hierarchy of control groups. */
export interface CgroupHierarchy {
  readonly root: string;
  /** `own`: guests get groups of their own here. `leave`: they only leave the agent's group, into the root. */
  readonly use: 'own' | 'leave';
}

export async function hostCgroups(): Promise<HostCgroups> {
  const [mounts, own] = await Promise.all([
    readFile('/proc/self/mounts', 'utf8').catch(() => ''),
    readFile('/proc/self/cgroup', 'utf8').catch(() => ''),
  ]);
  const found = cgroupHierarchies(mounts, own);
  const writable = await Promise.all(found.map((hierarchy) => isWritable(hierarchy)));
  const usable = found.filter((_, index) => writable[index]);
  const groups = usable.filter(({ use }) => use === 'own').map(({ root }) => root);
  const attach = async (name: string, pid: number): Promise<void> => {
    const group = checked(name);
    // One after the other: each waits in the kernel, and would hold one of the few threads that do the agent's input and output.
    for (const { root, use } of usable) await writeFile(join(root, use === 'own' ? group : '', 'cgroup.procs'), String(pid));
  };
  return {
    ...cgroupFiles(cgroupLayout(mounts, unifiedControllers), checked),
    unavailable:
      groups.length > 0
        ? undefined
        : found.length === 0
          ? 'no cgroup hierarchy is mounted'
          : `no group can be made below ${found.map(({ root }) => root).join(', ')}`,
    create: async (name) => {
      await Promise.all(groups.map((root) => makeGroup(join(root, checked(name)))));
    },
    attach,
    remove: async (name, signal) => {
      await Promise.all(groups.map((root) => removeGroup(join(root, checked(name)), signal)));
    },
  };
}

function unifiedControllers(root: string): readonly string[] {
  try {
    return readFileSync(join(root, 'cgroup.controllers'), 'utf8')
      .split(/\s+/)
      .filter((name) => name !== '');
  } catch {
    return [];
  }
}

/** The hierarchies that are used, of `/proc/self/mounts` and `/proc/self/cgroup`. */
export function cgroupHierarchies(mounts: string, own: string): readonly CgroupHierarchy[] {
  const groups = new Map(
    own.split('\n').flatMap((line) =>
      line === ''
        ? []
        : (line
            .split(':')[1]
            ?.split(',')
            .map((controller) => [controller, line.split(':').slice(2).join(':')] as const) ?? []),
    ),
  );
  const found = new Map<string, CgroupHierarchy>();
  for (const line of mounts.split('\n')) {
    const [, root, type, options] = line.split(' ');
    if (!root || !options) continue;
    const controllers = options.split(',');
    if (type === 'cgroup2' || (type === 'cgroup' && controllers.some((controller) => grouped.has(controller))))
      found.set(root, { root, use: 'own' });
    else if (type === 'cgroup' && controllers.some((controller) => (groups.get(controller) ?? '/') !== '/'))
      found.set(root, { root, use: 'leave' });
  }
  return [...found.values()];
}

/** Whether the agent may make groups, or move processes, without trying. */
async function isWritable({ root, use }: CgroupHierarchy): Promise<boolean> {
  const may = (path: string): Promise<boolean> =>
    access(path, constants.W_OK).then(
      () => true,
      () => false,
    );
  if (use === 'leave') return may(join(root, 'cgroup.procs'));
  const ours = join(root, 'virtmesh');
  return may((await stat(ours).catch(() => undefined)) ? ours : root);
}

async function makeGroup(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (thrown) {
    // The group above it was removed with the last one in it just now.
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT')) throw thrown;
    await mkdir(path, { recursive: true });
  }
}

/** Removes a group, and the one above it with the last in it. */
async function removeGroup(path: string, signal: AbortSignal): Promise<void> {
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 50)) {
    try {
      await rmdir(path);
      await rmdir(dirname(path)).catch(() => {});
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

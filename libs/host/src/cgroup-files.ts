import { sleep } from '@virtmesh/base';
import type { HostCgroups } from '@virtmesh/driver-spi';
import { existsSync } from 'node:fs';
import { open, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the groups of each controller are. */
export interface CgroupLayout {
  readonly controllers: ReadonlyMap<string, { readonly root: string; readonly version: 1 | 2 }>;
  /** Every hierarchy of the host, those without a controller too. */
  readonly roots: readonly string[];
}

const maxFileBytes = 1024 * 1024;

/** All controllers of the host, of the text of `/proc/self/mounts` and of the controllers of version 2 that are mounted. */
export function cgroupLayout(mounts: string, unifiedControllers: (root: string) => readonly string[]): CgroupLayout {
  const controllers = new Map<string, { readonly root: string; readonly version: 1 | 2 }>();
  const roots = new Set<string>();
  for (const line of mounts.split('\n')) {
    const [, root, type, options] = line.split(' ');
    if (!root || !options || (type !== 'cgroup' && type !== 'cgroup2')) continue;
    roots.add(root);
    if (type === 'cgroup2') for (const controller of unifiedControllers(root)) controllers.set(controller, { root, version: 2 });
    else for (const option of options.split(',')) controllers.set(option, { root, version: 1 });
  }
  return { controllers, roots: [...roots] };
}

type CgroupFiles = Pick<HostCgroups, 'version' | 'read' | 'write' | 'purge'>;

/** What is read and written in groups, whoever made them. */
export function cgroupFiles(layout: CgroupLayout, checked: (name: string) => string): CgroupFiles {
  const path = (controller: string, name: string, file: string): string | undefined => {
    const found = layout.controllers.get(controller);
    return found && join(found.root, checked(name), checkedFile(file));
  };
  return {
    version: (controller) => layout.controllers.get(controller)?.version,
    read: async (controller, name, file) => {
      const target = path(controller, name, file);
      return target === undefined ? undefined : readBounded(target);
    },
    write: async (controller, name, file, text) => {
      const target = path(controller, name, file);
      if (target === undefined) throw Object.assign(new Error(`the host has no controller ${controller}`), { code: 'ENOENT' });
      await writeFile(target, text, { flag: 'r+' });
    },
    purge: async (name, signal) => {
      const groups = layout.roots.map((root) => join(root, checked(name)));
      // To look is at once; a removal can wait for another's move of a process.
      await Promise.all(groups.filter((group) => existsSync(group)).map((group) => purge(group, signal)));
    },
  };
}

function checkedFile(file: string): string {
  if (!/^[a-z][A-Za-z0-9_.]*$/.test(file)) throw new RangeError(`not a file of a control group: ${JSON.stringify(file)}`);
  return file;
}

async function readBounded(path: string): Promise<string | undefined> {
  try {
    await using handle = await open(path, 'r');
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(65_536), 0);
    if (bytesRead < buffer.length) return buffer.toString('utf8', 0, bytesRead);
    return (await readFile(path)).subarray(0, maxFileBytes).toString('utf8');
  } catch (thrown) {
    if (isGone(thrown)) return undefined;
    throw thrown;
  }
}

/** The innermost groups first. Most often there is nothing left but an empty group, or not even that. */
async function purge(path: string, signal: AbortSignal): Promise<void> {
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 50)) {
    try {
      await rmdir(path);
      return;
    } catch (thrown) {
      if (isGone(thrown)) return;
      if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EBUSY')) throw thrown;
    }
    const inner = (await readdir(path, { withFileTypes: true }).catch(() => [])).filter((entry) => entry.isDirectory());
    for (const { name } of inner) await purge(join(path, name), signal);
    const pids = ((await readBounded(join(path, 'cgroup.procs'))) ?? '').split('\n').filter((line) => line !== '');
    for (const pid of pids) kill(Number(pid));
    // A process that has just ended leaves its group a moment later, and only version 2 would tell.
    if (inner.length === 0 || pids.length > 0) await sleep(pauseMs, signal);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

const isGone = (thrown: unknown): boolean =>
  thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOENT' || thrown.code === 'ENODEV' || thrown.code === 'ENOTDIR');

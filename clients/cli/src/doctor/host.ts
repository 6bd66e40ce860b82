import { execFile } from 'node:child_process';
import { access, constants, readFile, stat, statfs } from 'node:fs/promises';
import { hostname } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** What the doctor sees of a host. */
export interface ExaminedHost {
  readonly arch: string;
  readonly hostname: string;
  readonly nodeVersion: string;
  readonly isRoot: boolean;
  /** The path of a program, looked for in PATH and where system programs are. */
  which(program: string): Promise<string | undefined>;
  /** The first line that a program prints; undefined where it fails. */
  firstLine(program: string, args: readonly string[]): Promise<string | undefined>;
  exists(path: string): Promise<boolean>;
  /** Whether this user may read and write it. */
  usable(path: string): Promise<boolean>;
  read(path: string): Promise<string | undefined>;
  /** Free bytes for this user on the file system of a path, or of the nearest directory above that is there. */
  freeBytes(path: string): Promise<bigint | undefined>;
}

const systemPaths = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin'];

const mayAccess = (path: string, mode: number): Promise<boolean> =>
  access(path, mode).then(
    () => true,
    () => false,
  );

/** The host that this process runs on. */
export function thisHost(env: Readonly<Record<string, string | undefined>>, owner: NodeJS.Process): ExaminedHost {
  const directories = [...(env['PATH'] ?? '').split(delimiter).filter(Boolean), ...systemPaths];
  return {
    arch: owner.arch,
    hostname: hostname(),
    nodeVersion: owner.version,
    isRoot: owner.getuid?.() === 0,
    which: async (program) => {
      for (const directory of directories) {
        const path = join(directory, program);
        if ((await mayAccess(path, constants.X_OK)) && (await stat(path)).isFile()) return path;
      }
      return undefined;
    },
    firstLine: async (program, args) => {
      try {
        const { stdout, stderr } = await promisify(execFile)(program, [...args], { timeout: 5_000, maxBuffer: 1024 * 1024 });
        return (stdout || stderr).split('\n')[0]?.trim();
      } catch {
        return undefined;
      }
    },
    exists: (path) => mayAccess(path, constants.F_OK),
    usable: (path) => mayAccess(path, constants.R_OK | constants.W_OK),
    read: (path) => readFile(path, 'utf8').catch(() => undefined),
    freeBytes: async (path) => {
      for (let directory = path; ; directory = dirname(directory)) {
        const found = await statfs(directory, { bigint: true }).catch(() => undefined);
        if (found) return found.bavail * found.bsize;
        if (directory === dirname(directory)) return undefined;
      }
    },
  };
}

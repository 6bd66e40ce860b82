import type { FileOwner, Host, SpawnedProcess } from '@virtmesh/driver-spi';
import type { CircularLog } from './files.ts';

/** How much of each log is kept. */
export interface LogBounds {
  /** The size at which a file of the circle is full, in bytes. The writer goes past it by at most 64 KiB. */
  readonly maxBytes: number;
  /** How many files the circle has, at least 2. */
  readonly files: number;
}

/** The program that keeps logs. It reads a pipe, so that it needs no agent, and ends with the last writer. */
export const logKeeperProgram = { name: 'rotatelogs', package: 'apache2-utils' } as const;

/** Starts the keeper of one log, in a session of its own; `program` is the path of `logKeeperProgram`. */
export function startLogKeeper(
  host: Host,
  program: string,
  log: CircularLog & LogBounds,
  readFd: number,
  owner?: FileOwner,
): Promise<SpawnedProcess> {
  return host.processes.spawn({
    file: program,
    args: ['-n', String(log.files), log.path, `${log.maxBytes}B`],
    descriptors: [readFd, 'ignore', 'ignore'],
    owner,
    detached: true,
  });
}

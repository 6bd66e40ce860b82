import type { FileOwner, Host, SpawnedProcess } from '@virtmesh/driver-spi';

/** How much of each log is kept. */
export interface LogBounds {
  /** The size at which a file of the circle is full, in bytes. The writer goes past it by at most 64 KiB. */
  readonly maxBytes: number;
  /** How many files the circle has, at least 2. */
  readonly files: number;
}

/** The program that keeps logs. It reads a pipe, so that it needs no agent, and ends with the last writer. */
export interface LogKeeperProgram extends LogBounds {
  readonly path: string;
}

export const logKeeperPackage = 'apache2-utils';

/** Starts the keeper of one log, in a session of its own. */
export function startLogKeeper(
  host: Host,
  program: LogKeeperProgram,
  log: string,
  readFd: number,
  owner: FileOwner | undefined,
): Promise<SpawnedProcess> {
  return host.processes.spawn({
    file: program.path,
    args: ['-n', String(program.files), log, `${program.maxBytes}B`],
    descriptors: [readFd, 'ignore', 'ignore'],
    owner,
    detached: true,
  });
}

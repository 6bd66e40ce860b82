import type { Clock } from '@virtmesh/base';
import type { Host } from '@virtmesh/driver-spi';

/** How much of each console's output is kept. */
export interface LogBounds {
  /** The size at which one of the two files is full, in bytes. The writer goes past it by at most 64 KiB. */
  readonly maxBytes: number;
}

export interface LxcDriverOptions {
  readonly host: Host;
  /** Short-lived: configurations, mounts, FIFOs. One directory for each guest is made in it. At most 60 bytes long, so that the names of the monitors' sockets fit. */
  readonly runDir: string;
  /** What outlives guests: console logs, below `domains/{uid}`. */
  readonly stateDir: string;
  /** The directories below which the files of guests must lie. */
  readonly pathRoots: readonly string[];
  readonly consoleLog: LogBounds;
  /** Ends what is done to find out what there is on the host. */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

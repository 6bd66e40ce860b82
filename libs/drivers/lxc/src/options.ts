import type { Clock } from '@virtmesh/base';
import type { Host } from '@virtmesh/driver-spi';
import type { LogBounds } from '@virtmesh/driver-support';

/** What of the node's devices may be given to guests. */
export interface AllowedDevices {
  /** Device files, or directories with all that is in them. */
  readonly paths: readonly string[];
  /** Names of network interfaces. */
  readonly interfaces: readonly string[];
}

export interface LxcDriverOptions {
  readonly host: Host;
  /** Short-lived: configurations, mounts, FIFOs. One directory for each guest is made in it. At most 60 bytes long, so that the names of the monitors' sockets fit. */
  readonly runDir: string;
  /** What outlives guests: console logs, below `domains/{uid}`. */
  readonly stateDir: string;
  /** The directories below which the files of guests must lie. */
  readonly pathRoots: readonly string[];
  readonly hostDevices: AllowedDevices;
  /** How much of each console's output is kept. */
  readonly consoleLog: LogBounds;
  /** Ends what is done to find out what there is on the host. */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

import type { Clock } from '@virtmesh/base';
import type { Host } from '@virtmesh/driver-spi';
import type { LogBounds } from '@virtmesh/driver-support';

export interface QemuDriverOptions {
  readonly host: Host;
  /** Short-lived: sockets. One directory for each guest is made in it. At most 60 bytes long, so that the paths of sockets fit. */
  readonly runDir: string;
  /** What outlives guests: console logs, UEFI variables, below `domains/{uid}`. */
  readonly stateDir: string;
  /** What is found out about QEMU and the host, and can be found out again. */
  readonly cacheDir: string;
  /** The QEMU to use; the one on the PATH for the host's architecture if left out. */
  readonly binary?: string;
  /** The directories below which the files of guests must lie. */
  readonly pathRoots: readonly string[];
  /** The users that guests run as, where the agent is root; the first is that of the log keepers. No other agent of the host may have the same. 10000 from 700000 if left out. */
  readonly guestUids?: { readonly first: number; readonly count: number };
  readonly vncPorts: { readonly first: number; readonly last: number };
  /** How much of each console's output is kept. */
  readonly consoleLog: LogBounds;
  /** `tcg` leaves KVM alone, even untried. */
  readonly accelerator?: 'auto' | 'tcg';
  readonly clock?: Clock;
  readonly signal: AbortSignal;
}

import type { HostCgroups } from '@virtmesh/driver-spi';

/** The programs of LXC that are used. */
export interface LxcTools {
  readonly start: string;
  readonly attach: string;
  readonly console: string;
  readonly device: string;
}

/** What LXC and the kernel are on this host. */
export interface HostProfile {
  readonly version: string;
  readonly tools: LxcTools;
  readonly arch: string;
  readonly cpus: number;
  /** Whether LXC confines containers by AppArmor. */
  readonly appArmor: boolean;
  /** LXC's own list of system calls that are kept from containers. */
  readonly seccompProfile: string;
  /** The program that keeps the logs of consoles; undefined where it is not installed. */
  readonly logKeeper: string | undefined;
  readonly cgroupVersion: HostCgroups['version'];
}

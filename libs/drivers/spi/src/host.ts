import type { HostCgroups } from './host/cgroups.ts';
import type { HostFiles } from './host/files.ts';
import type { HostInfo } from './host/info.ts';
import type { HostMounts } from './host/mounts.ts';
import type { HostNetwork } from './host/network.ts';
import type { HostProcesses } from './host/processes.ts';
import type { HostRunFiles } from './host/run-files.ts';
import type { HostSockets } from './host/sockets.ts';

/**
 * The operating system as a port: drivers reach it by this alone. Failures of a system call are thrown as Node has them,
 * with `code` (`ENOENT`, `EACCES`, ...); failures of a command are COMMAND_FAILED.
 */
export interface Host {
  /** The user that the agent runs as; 0 may change users and owners. */
  readonly uid: number;
  /** The CPU's architecture as QEMU names it, such as `x86_64`. */
  readonly arch: string;
  readonly files: HostFiles;
  readonly runFiles: HostRunFiles;
  readonly processes: HostProcesses;
  readonly sockets: HostSockets;
  readonly cgroups: HostCgroups;
  readonly network: HostNetwork;
  readonly mounts: HostMounts;
  readonly info: HostInfo;
}

import type { Host } from '@virtmesh/driver-spi';
import { hostCgroups } from './cgroups.ts';
import { hostFiles } from './files.ts';
import { hostMounts } from './mounts.ts';
import { hostNetwork } from './network.ts';
import { archOf } from './node-info/cpu.ts';
import { hostInfo } from './node-info/index.ts';
import { hostProcesses } from './processes.ts';
import { hostSockets } from './sockets.ts';

/** The machine that this process runs on. */
export async function createHost(): Promise<Host> {
  const processes = hostProcesses();
  return {
    uid: process.getuid?.() ?? -1,
    arch: archOf(process.arch),
    files: hostFiles(),
    processes,
    sockets: hostSockets(processes),
    cgroups: await hostCgroups(),
    network: hostNetwork(processes),
    mounts: hostMounts(processes),
    info: hostInfo(),
  };
}

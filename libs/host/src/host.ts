import type { Host } from '@virtmesh/driver-spi';
import { hostCgroups } from './cgroups.ts';
import { hostFiles } from './files.ts';
import { hostMounts } from './mounts.ts';
import { hostNetwork } from './network.ts';
import { archOf } from './node-info/cpu.ts';
import { hostInfo } from './node-info/index.ts';
import { hostProcesses } from './processes.ts';
import { hostRunFiles } from './run-files.ts';
import { hostSockets } from './sockets.ts';
import { systemCalls } from './system-calls.ts';

/** The machine that this process runs on. */
export async function createHost(): Promise<Host> {
  const calls = systemCalls();
  const processes = hostProcesses(calls);
  return {
    uid: process.getuid?.() ?? -1,
    arch: archOf(process.arch),
    files: hostFiles(),
    runFiles: hostRunFiles(),
    processes,
    sockets: hostSockets(calls),
    cgroups: await hostCgroups(),
    network: hostNetwork(processes),
    mounts: hostMounts(processes),
    info: hostInfo(),
  };
}

import type { HostFacts, HostInfo } from '@virtmesh/driver-spi';
import { hostname, release, type as kernelType } from 'node:os';
import { cpuOf } from './cpu.ts';
import { availableBytes, memoryOf } from './memory.ts';
import { numaCellsOf } from './numa.ts';
import { bootTimeOf, osOf } from './system.ts';
import { SystemFiles } from './system-files.ts';

/** What the host is, from `/proc`, `/sys` and `/etc` below `root`. */
export function hostInfo(root = '/'): HostInfo {
  const files = new SystemFiles(root);
  const node = async (): Promise<HostFacts> => {
    const [cpu, memory, numaCells, os, bootTime] = await Promise.all([
      cpuOf(files),
      memoryOf(files),
      numaCellsOf(files),
      osOf(files),
      bootTimeOf(files),
    ]);
    return { hostname: hostname(), kernel: `${kernelType()} ${release()}`, os, bootTime, cpu, memory, numaCells };
  };
  return { node, availableMemoryBytes: () => availableBytes(files) };
}

import type { HostFacts } from '@virtmesh/driver-spi';
import type { SystemFiles } from './system-files.ts';

type Memory = HostFacts['memory'];

/** The values of `/proc/meminfo` and of a cell's `meminfo`, in bytes by name. */
export function parseMeminfo(text: string): ReadonlyMap<string, bigint> {
  const values = new Map<string, bigint>();
  for (const line of text.split('\n')) {
    const match = /^(?:Node \d+ )?([A-Za-z_()0-9]+):\s+(\d+)( kB)?$/.exec(line.trim());
    if (match?.[1] && match[2]) values.set(match[1], BigInt(match[2]) * (match[3] ? 1024n : 1n));
  }
  return values;
}

export function availableBytes(files: SystemFiles): bigint {
  const values = parseMeminfo(files.textNow('proc/meminfo'));
  return values.get('MemAvailable') ?? values.get('MemFree') ?? 0n;
}

export async function memoryOf(files: SystemFiles): Promise<Memory> {
  const [meminfo, hugePages] = await Promise.all([files.text('proc/meminfo'), hugePagesOf(files)]);
  const values = parseMeminfo(meminfo);
  const free = values.get('MemFree') ?? 0n;
  return {
    totalBytes: values.get('MemTotal') ?? 0n,
    availableBytes: values.get('MemAvailable') ?? free,
    freeBytes: free,
    swapTotalBytes: values.get('SwapTotal') ?? 0n,
    swapFreeBytes: values.get('SwapFree') ?? 0n,
    hugePages,
  };
}

async function hugePagesOf(files: SystemFiles): Promise<Memory['hugePages']> {
  const directory = 'sys/kernel/mm/hugepages';
  const pools = await Promise.all(
    (await files.names(directory)).map(async (name) => {
      const kib = /^hugepages-(\d+)kB$/.exec(name)?.[1];
      if (kib === undefined) return [];
      const [total, free] = await Promise.all([
        files.number(`${directory}/${name}/nr_hugepages`, 0),
        files.number(`${directory}/${name}/free_hugepages`, 0),
      ]);
      return [{ pageBytes: BigInt(kib) * 1024n, total: BigInt(total), free: BigInt(free) }];
    }),
  );
  return pools.flat().toSorted((a, b) => Number(a.pageBytes - b.pageBytes));
}

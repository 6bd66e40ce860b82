import type { HostFacts } from '@virtmesh/driver-spi';
import { type CpuPlace, cpuPlaces } from './cpu.ts';
import { parseMeminfo } from './memory.ts';
import { parseNumberList, type SystemFiles } from './system-files.ts';

type NumaCell = HostFacts['numaCells'][number];

const directory = 'sys/devices/system/node';

/** The NUMA cells; one with everything where the kernel knows of none. */
export async function numaCellsOf(files: SystemFiles): Promise<NumaCell[]> {
  const [places, ids] = await Promise.all([cpuPlaces(files), files.numbered(directory, 'node')]);
  if (ids.length > 0) return Promise.all(ids.map((id) => numaCell(files, id, ids, places)));
  const memory = parseMeminfo(await files.text('proc/meminfo'));
  return [
    {
      id: 0,
      memoryBytes: memory.get('MemTotal') ?? 0n,
      memoryFreeBytes: memory.get('MemFree') ?? 0n,
      cpus: places.map(threadOf),
      distances: { 0: 10 },
    },
  ];
}

async function numaCell(files: SystemFiles, id: number, ids: readonly number[], places: readonly CpuPlace[]): Promise<NumaCell> {
  const cell = `${directory}/node${id}`;
  const [meminfo, cpuList, distance] = await Promise.all([
    files.text(`${cell}/meminfo`),
    files.text(`${cell}/cpulist`),
    files.text(`${cell}/distance`),
  ]);
  const memory = parseMeminfo(meminfo);
  const cpus = new Set(parseNumberList(cpuList));
  // The kernel lists the distances in the order of the cells that are online.
  const distances = distance.trim().split(/\s+/).map(Number);
  return {
    id,
    memoryBytes: memory.get('MemTotal') ?? 0n,
    memoryFreeBytes: memory.get('MemFree') ?? 0n,
    cpus: places.filter((place) => cpus.has(place.id)).map(threadOf),
    distances: Object.fromEntries(
      ids.flatMap((other, index) => (Number.isInteger(distances[index]) ? [[other, distances[index] as number]] : [])),
    ),
  };
}

const threadOf = (place: CpuPlace): NumaCell['cpus'][number] => ({
  id: place.id,
  socket: place.socket,
  core: place.core,
  siblings: [...place.siblings],
});

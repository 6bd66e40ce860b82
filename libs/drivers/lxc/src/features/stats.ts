import { Fault } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { BlockStats, CpuStats, MemoryStats } from '@virtmesh/contracts/domain/v1/stats';
import type { GuestRef, GuestStats, Host, Stats } from '@virtmesh/driver-spi';
import { interfaceStats } from '@virtmesh/driver-support';
import { vethName } from '../config/network.ts';
import type { DriverContext } from '../context.ts';
import type { GuestPlaces } from '../process/places.ts';
import { parseBlockCounters, parsePairs } from './cgroup-stats.ts';

export const statsFeature = (context: DriverContext): Stats => ({
  stats: (guest, active) => guestStats(context, guest, active),
});

/** What the kernel has counted for the container's group, and at the node's ends of its cables. */
async function guestStats({ host, guests }: DriverContext, ref: GuestRef, active: DomainSpec): Promise<GuestStats> {
  try {
    const { places } = guests.running(ref);
    const [cpu, memory, blocks] = await Promise.all([
      cpuStats(host, places, active),
      memoryStats(host, places, active),
      blockStats(host, places, active),
    ]);
    const interfaces = active.interfaces.flatMap(({ id }) => interfaceStats(host.network, id, vethName(ref.uid, id)));
    return { ...(cpu ? { cpu } : {}), ...(memory ? { memory } : {}), blocks, interfaces };
  } catch (thrown) {
    return { blocks: [], interfaces: [], fault: Fault.from(thrown) };
  }
}

/** Clock ticks, of which the kernel tells programs a hundred a second. */
const nsPerTick = 10_000_000n;

async function cpuStats({ cgroups }: Host, { cgroup }: GuestPlaces, active: DomainSpec): Promise<CpuStats | undefined> {
  const vcpus = active.cpu?.vcpus ?? 1;
  if (cgroups.version('cpuacct') === 1) {
    const [usage, split] = await Promise.all([
      cgroups.read('cpuacct', cgroup, 'cpuacct.usage'),
      cgroups.read('cpuacct', cgroup, 'cpuacct.stat'),
    ]);
    if (usage === undefined || split === undefined) return undefined;
    const pairs = parsePairs(split);
    return {
      timeNs: BigInt(usage.trim()),
      userNs: (pairs.get('user') ?? 0n) * nsPerTick,
      systemNs: (pairs.get('system') ?? 0n) * nsPerTick,
      vcpus,
    };
  }
  const text = await cgroups.read('cpu', cgroup, 'cpu.stat');
  if (text === undefined) return undefined;
  const pairs = parsePairs(text);
  const ns = (name: string): bigint => (pairs.get(name) ?? 0n) * 1000n;
  return { timeNs: ns('usage_usec'), userNs: ns('user_usec'), systemNs: ns('system_usec'), vcpus };
}

async function memoryStats({ cgroups }: Host, { cgroup }: GuestPlaces, active: DomainSpec): Promise<MemoryStats | undefined> {
  const legacy = cgroups.version('memory') === 1;
  const usage = await cgroups.read('memory', cgroup, legacy ? 'memory.usage_in_bytes' : 'memory.current');
  if (usage === undefined) return undefined;
  const most = active.memory?.tune?.hardLimitBytes || (active.memory?.sizeBytes ?? 0n);
  return { currentBytes: most, maximumBytes: most, residentBytes: BigInt(usage.trim()) };
}

/** The traffic with each disk that is the container's alone: images, devices with file systems, and block devices. */
async function blockStats(host: Host, places: GuestPlaces, active: DomainSpec): Promise<readonly BlockStats[]> {
  const disks = await disksOf(host, places, active);
  if (disks.length === 0) return [];
  const { cgroups } = host;
  const legacy = cgroups.version('blkio') === 1;
  const read = async (file: string): Promise<string> => (await cgroups.read(legacy ? 'blkio' : 'io', places.cgroup, file)) ?? '';
  const [bytes, requests] = await Promise.all([
    read(legacy ? 'blkio.throttle.io_service_bytes' : 'io.stat'),
    legacy ? read('blkio.throttle.io_serviced') : Promise.resolve(''),
  ]);
  const counters = parseBlockCounters(legacy ? { t: 'v1', bytes, requests } : { t: 'v2', stat: bytes });
  return disks.map(({ id, disk }) => {
    const { readBytes = 0n, writeBytes = 0n, readRequests = 0n, writeRequests = 0n } = counters.get(disk) ?? {};
    return { id, readBytes, readRequests, readNs: 0n, writeBytes, writeRequests, writeNs: 0n, flushRequests: 0n, flushNs: 0n };
  });
}

async function disksOf(
  host: Host,
  places: GuestPlaces,
  active: DomainSpec,
): Promise<readonly { readonly id: string; readonly disk: string }[]> {
  const mounted = active.filesystems.flatMap(({ id, source }) =>
    source?.$case === 'imagePath' || source?.$case === 'devicePath' ? [id] : [],
  );
  const given = active.hostDevices.flatMap(({ id, source }) => (source?.$case === 'blockPath' ? [{ id, path: source.value }] : []));
  const found = await Promise.all([
    ...mounted.map(async (id) => ({ id, numbers: (await host.files.stat(places.mount(id)))?.filesystem })),
    ...given.map(async ({ id, path }) => ({ id, numbers: (await host.files.stat(path))?.device })),
  ]);
  return found.flatMap(({ id, numbers }) => (numbers ? [{ id, disk: `${numbers.major}:${numbers.minor}` }] : []));
}

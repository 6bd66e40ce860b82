import type { HostFacts } from '@virtmesh/driver-spi';
import { parseNumberList, type SystemFiles } from './system-files.ts';

/** Where a logical CPU sits. */
export interface CpuPlace {
  readonly id: number;
  readonly socket: number;
  readonly core: number;
  /** Its siblings in the core, itself too. */
  readonly siblings: readonly number[];
}

const directory = 'sys/devices/system/cpu';

/** The logical CPUs that are online, with their places as far as the kernel tells them. */
export async function cpuPlaces(files: SystemFiles): Promise<readonly CpuPlace[]> {
  const present = await files.numbered(directory, 'cpu');
  const onlineText = await files.text(`${directory}/online`);
  const online = new Set(onlineText === '' ? present : parseNumberList(onlineText));
  return Promise.all(present.filter((id) => online.has(id)).map((id) => cpuPlace(files, id)));
}

async function cpuPlace(files: SystemFiles, id: number): Promise<CpuPlace> {
  const topology = `${directory}/cpu${id}/topology`;
  const [socket, core, siblings] = await Promise.all([
    files.number(`${topology}/physical_package_id`, 0),
    files.number(`${topology}/core_id`, id),
    files.text(`${topology}/thread_siblings_list`),
  ]);
  const listed = parseNumberList(siblings);
  // Arm kernels tell a package of -1 where the firmware does not say.
  return { id, socket: Math.max(socket, 0), core: Math.max(core, 0), siblings: listed.length > 0 ? listed : [id] };
}

export async function cpuOf(files: SystemFiles): Promise<HostFacts['cpu']> {
  const [places, text] = await Promise.all([cpuPlaces(files), files.text('proc/cpuinfo')]);
  const first = parseCpuinfo(text);
  const cpus = places.length || (text.match(/^processor\s*:/gm)?.length ?? 0);
  const sockets = Math.max(1, new Set(places.map((place) => place.socket)).size);
  const cores = Math.max(1, new Set(places.map((place) => `${place.socket}/${place.siblings.join()}`)).size);
  return {
    arch: archOf(process.arch),
    model: first.get('model name') ?? first.get('cpu model') ?? first.get('cpu') ?? '',
    vendor: first.get('vendor_id') ?? first.get('CPU implementer') ?? '',
    cpus,
    sockets,
    coresPerSocket: Math.max(1, Math.round(cores / sockets)),
    threadsPerCore: Math.max(1, ...places.map((place) => place.siblings.length)),
    mhz: await mhzOf(files, first),
    features: (first.get('flags') ?? first.get('Features') ?? '').split(' ').filter((feature) => feature !== ''),
  };
}

/** The values that `/proc/cpuinfo` has for the first CPU that it lists. */
export function parseCpuinfo(text: string): ReadonlyMap<string, string> {
  const block = text.split('\n\n', 1)[0] ?? '';
  return new Map(
    block.split('\n').flatMap((line) => {
      const at = line.indexOf(':');
      return at > 0 ? [[line.slice(0, at).trim(), line.slice(at + 1).trim()] as const] : [];
    }),
  );
}

async function mhzOf(files: SystemFiles, first: ReadonlyMap<string, string>): Promise<number> {
  const told = Number.parseFloat(first.get('cpu MHz') ?? first.get('clock') ?? '');
  if (Number.isFinite(told)) return Math.round(told);
  return Math.round((await files.number(`${directory}/cpu0/cpufreq/scaling_cur_freq`, 0)) / 1000);
}

const architectures: Readonly<Record<string, string>> = { x64: 'x86_64', ia32: 'i386', arm64: 'aarch64', loong64: 'loongarch64' };

/** Node's name of an architecture as QEMU and the kernel have it. */
export const archOf = (nodeArch: string): string => architectures[nodeArch] ?? nodeArch;

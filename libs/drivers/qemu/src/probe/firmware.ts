import type { Host } from '@virtmesh/driver-spi';

/** A UEFI firmware that is installed on the host. */
export interface UefiFirmware {
  /** The code, which guests share. */
  readonly code: string;
  /** The variables that a guest begins with a copy of. */
  readonly template: string;
  /** Whether it accepts signed boot loaders only: it can, and the keys are in the template. */
  readonly secureBoot: boolean;
  readonly targets: readonly { readonly arch: string; readonly machines: readonly string[] }[];
}

/** Where QEMU's firmware descriptors are, the host's own before the distribution's, as `docs/interop/firmware.json` of QEMU says. */
const directories = ['/etc/qemu/firmware', '/usr/share/qemu/firmware'] as const;
const maxDescriptorBytes = 65_536;

/** The UEFI firmwares of the host that the driver can use, best first. A descriptor that cannot be read or understood counts as none. */
export async function findUefi(host: Host): Promise<readonly UefiFirmware[]> {
  // A file in an earlier directory stands for those of its name in later ones; an empty one takes them away.
  const paths = new Map<string, string>();
  for (const directory of directories) {
    for (const name of await host.files.list(directory))
      if (name.endsWith('.json') && !paths.has(name)) paths.set(name, `${directory}/${name}`);
  }
  const sorted = [...paths].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path);
  const found = await Promise.all(sorted.map((path) => readFirmware(host, path)));
  return found.filter((firmware) => firmware !== undefined);
}

/** The best firmware for a machine; undefined where none is installed. */
export function chooseUefi(
  firmwares: readonly UefiFirmware[],
  wanted: { readonly arch: string; readonly machine: string; readonly secureBoot: boolean },
): UefiFirmware | undefined {
  return firmwares.find(
    ({ secureBoot, targets }) =>
      secureBoot === wanted.secureBoot &&
      targets.some(({ arch, machines }) => arch === wanted.arch && machines.some((glob) => matches(glob, wanted.machine))),
  );
}

/** Why a machine has no such firmware, and how to get it. */
export function uefiMissing(wanted: { readonly arch: string; readonly machine: string; readonly secureBoot: boolean }): string {
  const what = wanted.secureBoot ? 'UEFI firmware with secure boot and enrolled keys' : 'UEFI firmware';
  return `no ${what} for ${wanted.arch} and machine type ${wanted.machine} is described in ${directories.join(' or ')}; install OVMF (on Debian: apt install ovmf)`;
}

interface Descriptor {
  readonly 'interface-types'?: readonly string[];
  readonly mapping?: {
    readonly device?: string;
    readonly mode?: string;
    readonly executable?: FlashFile;
    readonly 'nvram-template'?: FlashFile;
  };
  readonly targets?: readonly { readonly architecture: string; readonly machines: readonly string[] }[];
  readonly features?: readonly string[];
}
interface FlashFile {
  readonly filename: string;
  readonly format: string;
}

async function readFirmware(host: Host, path: string): Promise<UefiFirmware | undefined> {
  try {
    const firmware = understand(JSON.parse(await host.files.readText(path, maxDescriptorBytes)) as Descriptor);
    if (!firmware) return undefined;
    const files = await Promise.all([firmware.code, firmware.template].map((file) => host.files.stat(file)));
    return files.every((file) => file?.kind === 'file') ? firmware : undefined;
  } catch {
    return undefined;
  }
}

/** Split raw flash images, and among those the ones that need no system management mode unless it is for secure boot. */
function understand({ 'interface-types': types = [], mapping, targets = [], features = [] }: Descriptor): UefiFirmware | undefined {
  const { executable, 'nvram-template': template } = mapping ?? {};
  if (
    !types.includes('uefi') ||
    mapping?.device !== 'flash' ||
    (mapping.mode ?? 'split') !== 'split' ||
    executable?.format !== 'raw' ||
    template?.format !== 'raw'
  )
    return undefined;
  const secureBoot = features.includes('secure-boot') && features.includes('enrolled-keys');
  if (!secureBoot && features.includes('requires-smm')) return undefined;
  return {
    code: executable.filename,
    template: template.filename,
    secureBoot,
    targets: targets.map(({ architecture, machines }) => ({ arch: architecture, machines })),
  };
}

/** `pc-q35-*` as in the descriptors: `*` and `?` alone. */
function matches(glob: string, text: string): boolean {
  const pattern = glob
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${pattern}$`).test(text);
}

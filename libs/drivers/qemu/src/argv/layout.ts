import { DiskBus } from '@virtmesh/contracts/domain/v1/disk';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Json } from '@virtmesh/driver-spi';
import { machineFamily, type MachineFamily } from '../spec/machine.ts';
import { layoutPci, maxRootPorts } from './pci.ts';

/** Where a device sits, in the properties of its `-device` or `device_add`. */
export type DeviceAddress = Readonly<Record<string, string | number>>;

/** The controllers that a machine has only where something sits on them. */
export type OptionalController = 'scsi' | 'ahci' | 'serial';

/**
 * Where everything of a machine sits. It is chosen at the start and kept with the guest, since what is plugged in later
 * goes where there is room then, and a guest that goes on elsewhere must find all where it was.
 */
export interface Layout {
  /** How many ports of PCI Express there are, of which each takes one device. */
  readonly rootPorts: number;
  readonly controllers: readonly OptionalController[];
  /** By device id. */
  readonly addresses: Readonly<Record<string, DeviceAddress>>;
}

/** The buses that controllers make, as the devices on them name them. */
export const controllerBuses = { scsi: 'scsi.0', ahci: 'ahci.0', serial: 'vserial.0' } as const;

/** The layout of a machine that is started anew. Pure. */
export function layoutOf(spec: DomainSpec): Layout {
  const family = machineFamily(spec.machine);
  if (!family) return { rootPorts: 0, controllers: [], addresses: {} };
  const pci = layoutPci(spec, family);
  const has = (bus: DiskBus): boolean => spec.disks.some((disk) => disk.bus === bus);
  return {
    rootPorts: pci.rootPorts,
    controllers: [
      ...(has(DiskBus.SCSI) ? (['scsi'] as const) : []),
      // q35 has one of its own.
      ...(has(DiskBus.SATA) && family === 'pc' ? (['ahci'] as const) : []),
      ...(spec.consoles.length + spec.channels.length > 0 ? (['serial'] as const) : []),
    ],
    addresses: { ...Object.fromEntries(pci.devices), ...diskAddresses(spec, family), ...portAddresses(spec) },
  };
}

/** The address of a port of the virtio-serial controller. */
export const serialAddress = (nr: number): DeviceAddress => ({ bus: controllerBuses.serial, nr });

/** The address of a unit of the virtio-scsi controller. */
export const scsiAddress = (lun: number): DeviceAddress => ({ bus: controllerBuses.scsi, channel: 0, 'scsi-id': 0, lun });

/** The disks that are not PCI devices themselves: the next free place on each bus, by the order of the definition. */
function diskAddresses({ disks }: DomainSpec, family: MachineFamily): Record<string, DeviceAddress> {
  const next = new Map<DiskBus, number>();
  const addresses: Record<string, DeviceAddress> = {};
  for (const { id, bus } of disks) {
    const unit = next.get(bus) ?? 0;
    next.set(bus, unit + 1);
    const address = diskAddress(bus, unit, family);
    if (address) addresses[id] = address;
  }
  return addresses;
}

function diskAddress(bus: DiskBus, unit: number, family: MachineFamily): DeviceAddress | undefined {
  switch (bus) {
    case DiskBus.SCSI:
      return scsiAddress(unit);
    case DiskBus.SATA:
      return { bus: family === 'q35' ? `ide.${unit}` : `${controllerBuses.ahci.slice(0, -1)}${unit}` };
    case DiskBus.IDE:
      return { bus: `ide.${Math.floor(unit / 2)}`, unit: unit % 2 };
    default:
      return undefined;
  }
}

/** Port 0 of the controller is a console's alone. */
function portAddresses({ consoles, channels }: DomainSpec): Record<string, DeviceAddress> {
  const first = Math.max(1, consoles.length);
  return Object.fromEntries([
    ...consoles.map(({ id }, index) => [id, serialAddress(index)] as const),
    ...channels.map(({ id }, index) => [id, serialAddress(first + index)] as const),
  ]);
}

const controllerNames: readonly string[] = ['scsi', 'ahci', 'serial'] satisfies readonly OptionalController[];

export const encodeLayout = ({ rootPorts, controllers, addresses }: Layout): Json => ({
  rootPorts,
  controllers: [...controllers],
  addresses: Object.fromEntries(Object.entries(addresses).map(([id, address]) => [id, { ...address }])),
});

/** Reads a layout that was written before; throws what `refuse` makes of the words where it is none. */
export function decodeLayout(json: Json, refuse: (words: string) => Error): Layout {
  const { rootPorts, controllers, addresses } = object(json) ? json : {};
  if (typeof rootPorts !== 'number' || !Number.isSafeInteger(rootPorts) || rootPorts < 0 || rootPorts > maxRootPorts)
    throw refuse('the number of its ports is none');
  if (!Array.isArray(controllers) || !controllers.every((name): name is OptionalController => controllerNames.includes(String(name))))
    throw refuse('its controllers are not known');
  if (!object(addresses) || !Object.values(addresses).every(isAddress)) throw refuse('the addresses of its devices make no sense');
  return { rootPorts, controllers, addresses: addresses as Layout['addresses'] };
}

const object = (json: Json | undefined): json is { readonly [key: string]: Json } =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

/** The properties that say where a device sits. What is read from a file of another's goes into a command line. */
const placing: ReadonlySet<string> = new Set(['bus', 'addr', 'unit', 'channel', 'scsi-id', 'lun', 'nr']);

const isAddress = (json: Json): boolean =>
  object(json) &&
  Object.entries(json).every(
    ([name, value]) =>
      placing.has(name) &&
      (typeof value === 'number' ? Number.isSafeInteger(value) : typeof value === 'string' && /^[a-z0-9.-]{1,32}$/.test(value)),
  );

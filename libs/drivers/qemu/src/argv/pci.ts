import { DiskBus } from '@virtmesh/contracts/domain/v1/disk';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { InterfaceModel } from '@virtmesh/contracts/domain/v1/interface';
import type { MachineFamily } from '../spec/machine.ts';

/** Where a PCI device sits, as its `-device` says it. */
export interface PciAddress {
  readonly bus: string;
  readonly addr: string;
}

export interface PciLayout {
  /** By device id. */
  readonly devices: ReadonlyMap<string, PciAddress>;
  readonly controllers: Readonly<Record<Controller, PciAddress>>;
  readonly rootPorts: readonly RootPort[];
  /** How many devices found no slot. */
  readonly overflow: { readonly hotPluggable: number; readonly fixed: number };
}

export interface RootPort extends PciAddress {
  readonly id: string;
  readonly number: number;
}

type Controller = 'ahci' | 'scsi' | 'serial' | 'balloon' | 'watchdog' | 'vsock';

/** Slots that never move, whatever else a definition has: a guest names its devices by them. */
const controllerSlots: Readonly<Record<Controller, number>> = {
  ahci: 0x17,
  scsi: 0x18,
  serial: 0x19,
  balloon: 0x1a,
  watchdog: 0x1b,
  vsock: 0x1c,
};
const videoSlot = { q35: 1, pc: 2 } as const;
/** On q35 slots 2 to 7 hold root ports, eight a slot; a hot-pluggable device has a port of its own. */
const rootPortSlots = { first: 2, count: 6 } as const;
/** Ports for devices that are plugged into the running guest. Each costs about 0.7 ms of the start. */
const sparePorts = 4;
const fixedSlots = { q35: range(0x08, 0x17), pc: [] } as const;
/** On pc every slot is hot-pluggable. */
const pcSlots = range(0x03, 0x17);

/** The PCI addresses of a definition's devices. Interfaces come before disks, so that a new disk does not rename a guest's network. Pure. */
export function layoutPci(spec: DomainSpec, family: MachineFamily): PciLayout {
  const root = family === 'q35' ? 'pcie.0' : 'pci.0';
  const at = (slot: number, fn = 0): PciAddress => ({ bus: root, addr: fn === 0 ? hex(slot) : `${hex(slot)}.${fn}` });
  const controllers = Object.fromEntries(Object.entries(controllerSlots).map(([name, slot]) => [name, at(slot)])) as Record<
    Controller,
    PciAddress
  >;
  const { primaryVideo, hotPluggable, fixed } = sortOut(spec);
  const devices = new Map<string, PciAddress>();
  if (primaryVideo !== undefined) devices.set(primaryVideo, at(videoSlot[family]));
  if (family === 'pc') {
    const all = [...hotPluggable, ...fixed];
    for (const [index, id] of all.slice(0, pcSlots.length).entries()) devices.set(id, at(pcSlots[index] ?? 0));
    const over = Math.max(0, all.length - pcSlots.length);
    const hot = Math.min(over, hotPluggable.length);
    return { devices, controllers, rootPorts: [], overflow: { hotPluggable: hot, fixed: over - hot } };
  }
  const rootPorts = Array.from({ length: Math.min(hotPluggable.length + sparePorts, rootPortSlots.count * 8) }, (_, number): RootPort => ({
    id: `port-${number}`,
    number,
    ...at(rootPortSlots.first + Math.floor(number / 8), number % 8),
  }));
  const takers = hotPluggable.slice(0, Math.max(0, rootPortSlots.count * 8 - sparePorts));
  for (const [index, id] of takers.entries()) devices.set(id, { bus: `port-${index}`, addr: hex(0) });
  for (const [index, id] of fixed.slice(0, fixedSlots.q35.length).entries()) devices.set(id, at(fixedSlots.q35[index] ?? 0));
  return {
    devices,
    controllers,
    rootPorts,
    overflow: { hotPluggable: hotPluggable.length - takers.length, fixed: Math.max(0, fixed.length - fixedSlots.q35.length) },
  };
}

/** What can be plugged and unplugged at run time has a port of its own; what is older than PCI Express, or stays for good, sits at the root. */
function sortOut(spec: DomainSpec): {
  readonly primaryVideo: string | undefined;
  readonly hotPluggable: readonly string[];
  readonly fixed: readonly string[];
} {
  const modern = ({ model }: { model: InterfaceModel }): boolean => model === InterfaceModel.VIRTIO || model === InterfaceModel.E1000E;
  const [primary, ...otherVideos] = spec.videos;
  return {
    primaryVideo: primary?.id,
    hotPluggable: [...spec.interfaces.filter(modern), ...spec.disks.filter(({ bus }) => bus === DiskBus.VIRTIO)].map(({ id }) => id),
    fixed: [...spec.interfaces.filter((device) => !modern(device)), ...otherVideos, ...spec.rngs].map(({ id }) => id),
  };
}

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

function hex(slot: number): string {
  return `0x${slot.toString(16)}`;
}

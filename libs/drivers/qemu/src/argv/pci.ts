import { DiskBus } from '@virtmesh/contracts/domain/v1/disk';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { InterfaceModel } from '@virtmesh/contracts/domain/v1/interface';
import type { MachineFamily } from '../spec/machine.ts';

/** Where a PCI device sits, as its `-device` says it. */
export type PciAddress = { readonly bus: string; readonly addr: string };

export interface PciLayout {
  /** By device id. */
  readonly devices: ReadonlyMap<string, PciAddress>;
  /** How many ports of PCI Express there are. */
  readonly rootPorts: number;
  /** How many devices found no slot. */
  readonly overflow: { readonly hotPluggable: number; readonly fixed: number };
}

/** A port of PCI Express, which takes one device. */
export type RootPort = PciAddress & { readonly id: string; readonly number: number };

/** The controllers that have slots of their own. */
export type Controller = 'ahci' | 'scsi' | 'serial' | 'balloon' | 'watchdog' | 'vsock';

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
const rootPortSlots = range(0x02, 0x08);
export const maxRootPorts = rootPortSlots.length * 8;
/** Ports for devices that are plugged into the running guest. Each costs about 0.7 ms of the start. */
const sparePorts = 4;
const portName = (number: number): string => `port-${number}`;
const q35Slots = range(0x08, 0x17);
/** On pc every slot is hot-pluggable. */
const pcSlots = range(0x03, 0x17);

/** The PCI addresses of a definition's devices. Interfaces come before disks, so that a new disk does not rename a guest's network. Pure. */
export function layoutPci(spec: DomainSpec, family: MachineFamily): PciLayout {
  const sorted = sortOut(spec);
  return family === 'q35' ? layoutQ35(sorted) : layoutPc(sorted);
}

/** The ports of a q35, as their `-device` has them. */
export const rootPorts = (count: number): readonly RootPort[] =>
  Array.from({ length: count }, (_, number) => ({
    id: portName(number),
    number,
    ...addressOn('pcie.0')(rootPortSlots[Math.floor(number / 8)] ?? 0, number % 8),
  }));

/** The addresses at which a running machine takes devices, each if nothing is there yet. */
export const hotPlugAddresses = (family: MachineFamily, ports: number): readonly PciAddress[] =>
  family === 'q35' ? rootPorts(ports).map(({ id }) => portAddress(id)) : pcSlots.map((slot) => addressOn('pci.0')(slot));

const portAddress = (bus: string): PciAddress => ({ bus, addr: hex(0) });

/** Where a controller sits: slots that never move. */
export const controllerAddress = (family: MachineFamily, controller: Controller): PciAddress =>
  addressOn(family === 'q35' ? 'pcie.0' : 'pci.0')(controllerSlots[controller]);

function layoutQ35({ primaryVideo, hotPluggable, fixed }: SortedDevices): PciLayout {
  const at = addressOn('pcie.0');
  const count = Math.min(hotPluggable.length + sparePorts, maxRootPorts);
  const hot = placed(
    hotPluggable,
    Array.from({ length: Math.min(count, maxRootPorts - sparePorts) }, (_, number) => portAddress(portName(number))),
  );
  const rest = placed(
    fixed,
    q35Slots.map((slot) => at(slot)),
  );
  return {
    devices: new Map([...placed(primaryVideo, [at(videoSlot.q35)]).devices, ...hot.devices, ...rest.devices]),
    rootPorts: count,
    overflow: { hotPluggable: hot.over, fixed: rest.over },
  };
}

function layoutPc({ primaryVideo, hotPluggable, fixed }: SortedDevices): PciLayout {
  const at = addressOn('pci.0');
  const hot = placed(
    hotPluggable,
    pcSlots.map((slot) => at(slot)),
  );
  const rest = placed(
    fixed,
    pcSlots.slice(hotPluggable.length).map((slot) => at(slot)),
  );
  return {
    devices: new Map([...placed(primaryVideo, [at(videoSlot.pc)]).devices, ...hot.devices, ...rest.devices]),
    rootPorts: 0,
    overflow: { hotPluggable: hot.over, fixed: rest.over },
  };
}

/** Gives each device the next address, as far as they go. */
function placed(
  ids: readonly string[],
  addresses: readonly PciAddress[],
): { readonly devices: readonly (readonly [string, PciAddress])[]; readonly over: number } {
  const devices = ids.flatMap((id, index) => {
    const address = addresses[index];
    return address ? [[id, address] as const] : [];
  });
  return { devices, over: ids.length - devices.length };
}

type AddressOf = (slot: number, fn?: number) => PciAddress;

function addressOn(bus: string): AddressOf {
  return (slot, fn = 0) => ({ bus, addr: fn === 0 ? hex(slot) : `${hex(slot)}.${fn}` });
}

interface SortedDevices {
  /** None or one. */
  readonly primaryVideo: readonly string[];
  readonly hotPluggable: readonly string[];
  readonly fixed: readonly string[];
}

/** What can be plugged and unplugged at run time has a port of its own; what is older than PCI Express, or stays for good, sits at the root. */
function sortOut(spec: DomainSpec): SortedDevices {
  return {
    primaryVideo: spec.videos.slice(0, 1).map(({ id }) => id),
    hotPluggable: [...spec.interfaces.filter(isExpress), ...spec.disks.filter(({ bus }) => bus === DiskBus.VIRTIO), ...spec.rngs].map(
      ({ id }) => id,
    ),
    fixed: [...spec.interfaces.filter((device) => !isExpress(device)), ...spec.videos.slice(1)].map(({ id }) => id),
  };
}

/** Whether a network adapter is a device of PCI Express, which a q35 can take while it runs. */
export const isExpress = ({ model }: { readonly model: InterfaceModel }): boolean =>
  model === InterfaceModel.VIRTIO || model === InterfaceModel.E1000E;

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

function hex(slot: number): string {
  return `0x${slot.toString(16)}`;
}

import { Fault } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { LaunchInput } from '../launch.ts';
import { type MachineFamily, machineFamily } from '../spec/machine.ts';
import type { DeviceAddress } from './layout.ts';
import { type Controller, controllerAddress, type PciAddress } from './pci.ts';

/** What the builders of one command line share. */
export interface LaunchContext {
  readonly input: LaunchInput;
  readonly spec: DomainSpec;
  readonly family: MachineFamily;
  /** Where a controller sits. */
  readonly controller: (name: Controller) => PciAddress;
  /** The place of a disk or interface in the order of booting; undefined where it is not booted from. */
  bootIndex(id: string): number | undefined;
}

/** The arguments of one part of a guest. */
export type Builder = (context: LaunchContext) => readonly string[];

export function launchContext(input: LaunchInput): LaunchContext {
  const { spec } = input;
  const family = machineFamily(spec.machine) ?? incomplete(`machine type ${spec.machine}`);
  const order = spec.boot?.order.length ? spec.boot.order : [...spec.disks, ...spec.interfaces].map(({ id }) => id);
  // From 1 on: QEMU itself takes 0 for a kernel that is loaded directly.
  const indexes = new Map(order.map((id, index) => [id, index + 1]));
  return { input, spec, family, controller: (name) => controllerAddress(family, name), bootIndex: (id) => indexes.get(id) };
}

export function addressOf({ input }: LaunchContext, id: string): DeviceAddress {
  return input.layout.addresses[id] ?? incomplete(`a place for ${id}`);
}

/** The caller did not complete or validate the definition, or did not choose what a start chooses. */
export function incomplete(what: string): never {
  throw new Fault('INTERNAL_BUG', `a QEMU command line cannot be built: the launch has no ${what}`);
}

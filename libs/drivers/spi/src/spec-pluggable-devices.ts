import type { Device } from '@virtmesh/contracts/domain/v1/device';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';

/** The kinds of device that can come and go one by one, and the list of a definition in which each is kept. */
const lists = {
  disk: 'disks',
  interface: 'interfaces',
  channel: 'channels',
  rng: 'rngs',
  filesystem: 'filesystems',
  hostDevice: 'hostDevices',
  console: 'consoles',
} as const satisfies Record<DeviceKind, keyof DomainSpec>;

/** One device with its kind. */
export type AnyDevice = NonNullable<Device['device']>;
/** What such a device is. */
export type DeviceKind = AnyDevice['$case'];

/** All kinds of device that can come and go. */
export const deviceKinds = Object.keys(lists) as readonly DeviceKind[];

/** The list of a definition that holds devices of a kind, as a proto path, such as `host_devices`. */
export const deviceListPath = (kind: DeviceKind): string => lists[kind].replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The devices of a definition that are of a kind. */
export const devicesOfKind = (spec: DomainSpec, kind: DeviceKind): readonly { readonly id: string }[] => spec[lists[kind]];

/** The device of a definition with that id, among those that can come and go. */
export function findDevice(spec: DomainSpec, id: string): AnyDevice | undefined {
  for (const kind of deviceKinds) {
    const value = devicesOfKind(spec, kind).find((each) => each.id === id);
    if (value) return { $case: kind, value } as AnyDevice;
  }
  return undefined;
}

/** The definition with a device: in place of the one of its kind with the same id, else behind the others of its kind. */
export function withDevice(spec: DomainSpec, { $case, value }: AnyDevice): DomainSpec {
  const present = devicesOfKind(spec, $case);
  const at = value.id === '' ? -1 : present.findIndex((each) => each.id === value.id);
  return DomainSpec.fromPartial({ ...spec, [lists[$case]]: at < 0 ? [...present, value] : present.with(at, value) });
}

/** The definition without the device of that id; one that boots from it does not any more. */
export function withoutDevice(spec: DomainSpec, id: string): DomainSpec {
  const found = findDevice(spec, id);
  if (!found) return spec;
  const present = devicesOfKind(spec, found.$case);
  const boot = spec.boot && { ...spec.boot, order: spec.boot.order.filter((each) => each !== id) };
  return DomainSpec.fromPartial({ ...spec, boot, [lists[found.$case]]: present.filter((each) => each.id !== id) });
}

import type { Device } from '@virtmesh/contracts/domain/v1/device';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';

/** A kind of device that can be attached, as the contract names it. */
export type DeviceKind = NonNullable<Device['device']>['$case'];

/** One device of a definition. */
export interface NamedDevice {
  readonly kind: DeviceKind;
  readonly id: string;
}

/** The devices of a definition that can be attached and detached, in its order. */
export function devicesOf(spec: DomainSpec | undefined): NamedDevice[] {
  if (spec === undefined) return [];
  const of = (kind: DeviceKind, devices: readonly { readonly id: string }[]): NamedDevice[] => devices.map(({ id }) => ({ kind, id }));
  return [
    ...of('disk', spec.disks),
    ...of('interface', spec.interfaces),
    ...of('channel', spec.channels),
    ...of('rng', spec.rngs),
    ...of('filesystem', spec.filesystems),
    ...of('hostDevice', spec.hostDevices),
    ...of('console', spec.consoles),
  ];
}

import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';

/** A device of a definition. */
export interface DeviceRef {
  /** Its path, such as `disks[0]`. */
  readonly path: string;
  /** What an id of its kind begins with where it is made up, such as `disk`. */
  readonly kind: string;
  /** The device itself, which is what carries its id. */
  readonly device: { id: string };
}

/** All devices of a definition, in the contract's order. */
export function devicesOf(spec: DomainSpec): readonly DeviceRef[] {
  const many = (field: string, kind: string, devices: readonly { id: string }[]): DeviceRef[] =>
    devices.map((device, index) => ({ path: `${field}[${index}]`, kind, device }));
  const one = (field: string, device: { id: string } | undefined): DeviceRef[] => (device ? [{ path: field, kind: field, device }] : []);
  return [
    ...many('disks', 'disk', spec.disks),
    ...many('interfaces', 'net', spec.interfaces),
    ...many('serials', 'serial', spec.serials),
    ...many('consoles', 'console', spec.consoles),
    ...many('channels', 'channel', spec.channels),
    ...many('graphics', 'vnc', spec.graphics),
    ...many('videos', 'video', spec.videos),
    ...many('rngs', 'rng', spec.rngs),
    ...one('watchdog', spec.watchdog),
    ...one('vsock', spec.vsock),
    ...many('filesystems', 'fs', spec.filesystems),
    ...many('host_devices', 'hostdev', spec.hostDevices),
  ];
}

/** Gives an id to each device that has none, in place: its kind and the smallest number that no device of the definition has. */
export function nameDevices(spec: DomainSpec): void {
  const devices = devicesOf(spec);
  const taken = new Set(devices.map(({ device }) => device.id));
  const next = new Map<string, number>();
  for (const { kind, device } of devices) {
    if (device.id !== '') continue;
    let number = next.get(kind) ?? 0;
    while (taken.has(`${kind}${number}`)) number += 1;
    device.id = `${kind}${number}`;
    taken.add(device.id);
    next.set(kind, number + 1);
  }
}

import type { Device } from '@virtmesh/contracts/domain/v1/device';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { type AnyDevice, deviceListPath, devicesOf, findDevice, withDevice, withoutDevice } from '@virtmesh/driver-spi';
import { isDeepStrictEqual } from 'node:util';

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Where a request has the device, such as `device.host_device`. */
export const requestPath = ({ $case }: AnyDevice): string => `device.${snake($case)}`;

/** Where a definition has the device, such as `disks[1]`. */
export function specPath(spec: DomainSpec, device: AnyDevice): string {
  const list = deviceListPath(device.$case);
  const ids = devicesOf(spec).filter(({ path }) => path.startsWith(`${list}[`));
  return ids.find((each) => each.device.id === device.value.id)?.path ?? `${list}[${ids.length}]`;
}

/** The device with an id: its own, or one that no device of the definitions has. */
export function withId(device: AnyDevice, specs: readonly DomainSpec[]): AnyDevice {
  if (device.value.id !== '') return device;
  const [alone] = devicesOf(withDevice(DomainSpec.fromPartial({}), device));
  const taken = new Set(specs.flatMap((spec) => devicesOf(spec).map((each) => each.device.id)));
  let number = 0;
  while (taken.has(`${alone?.kind}${number}`)) number += 1;
  return { ...device, value: { ...device.value, id: `${alone?.kind}${number}` } } as AnyDevice;
}

/** The definition `to` with a device as another one has it: the same, or not there. */
export function carryDevice(to: DomainSpec, id: string, from: DomainSpec): DomainSpec {
  const device = findDevice(from, id);
  return device ? withDevice(to, device) : withoutDevice(to, id);
}

/** The fields of a device that differ, as paths in it. */
export function changedFields(before: Device['device'], after: AnyDevice): string[] {
  const old = before?.value as unknown as Record<string, unknown> | undefined;
  return Object.entries(after.value).flatMap(([property, value]) =>
    isDeepStrictEqual(old?.[property], value) ? [] : [snake(chosenIn(value) ?? chosenIn(old?.[property]) ?? property)],
  );
}

/** The field that a oneof holds. */
function chosenIn(value: unknown): string | undefined {
  return typeof value === 'object' && value !== null && '$case' in value ? String(value.$case) : undefined;
}

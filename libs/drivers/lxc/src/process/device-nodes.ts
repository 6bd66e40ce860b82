import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Host } from '@virtmesh/driver-spi';
import type { DeviceNode } from '../config/devices.ts';
import { requireKind } from './sources.ts';

/** The numbers of the devices that a definition gives to its container, by the ids of its host devices. */
export async function findDeviceNodes(host: Host, spec: DomainSpec): Promise<ReadonlyMap<string, DeviceNode>> {
  const nodes = new Map<string, DeviceNode>();
  for (const [index, { id, source }] of spec.hostDevices.entries()) {
    if (source?.$case !== 'blockPath' && source?.$case !== 'characterPath') continue;
    const [kind, name] = source.$case === 'blockPath' ? (['block', 'block_path'] as const) : (['character', 'character_path'] as const);
    nodes.set(id, { kind, ...(await deviceNumbers(host, source.value, kind, `spec.host_devices[${index}].${name}`)) });
  }
  return nodes;
}

/** `major:minor` of the disks of the node that a definition limits, by path. */
export async function findLimitedDisks(host: Host, spec: DomainSpec): Promise<ReadonlyMap<string, string>> {
  const disks = new Map<string, string>();
  for (const [index, { path }] of (spec.blockIo?.devices ?? []).entries()) {
    const { major, minor } = await deviceNumbers(host, path, 'block', `spec.block_io.devices[${index}].path`);
    disks.set(path, `${major}:${minor}`);
  }
  return disks;
}

async function deviceNumbers(
  host: Host,
  path: string,
  kind: 'block' | 'character',
  field: string,
): Promise<{ major: number; minor: number }> {
  await requireKind(host, path, kind, field);
  return (await host.files.stat(path))?.device ?? { major: 0, minor: 0 };
}

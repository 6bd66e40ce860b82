import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { type ConfigLine, lines } from './config-line.ts';
import type { MountEntry } from './mount-entry.ts';

/** A device node of the host. */
export interface DeviceNode {
  readonly kind: 'block' | 'character';
  readonly major: number;
  readonly minor: number;
}

/** The node of each device that is given, by the id of the host device. */
export type DeviceNodes = ReadonlyMap<string, DeviceNode>;

/** What every container may use: null, zero, full, random, urandom, tty, console, ptmx and its terminals; and make nodes of, but not use, any. */
const always = [
  'c *:* m',
  'b *:* m',
  'c 1:3 rwm',
  'c 1:5 rwm',
  'c 1:7 rwm',
  'c 1:8 rwm',
  'c 1:9 rwm',
  'c 5:0 rwm',
  'c 5:1 rwm',
  'c 5:2 rwm',
  'c 136:* rwm',
];

/** A rule of the device controller that lets a container use a device. */
export const deviceRule = ({ kind, major, minor }: DeviceNode, readOnly: boolean): string =>
  `${kind === 'block' ? 'b' : 'c'} ${major}:${minor} ${readOnly ? 'r' : 'rw'}m`;

/** The devices that the container may use. */
export function deviceLines(spec: DomainSpec, nodes: DeviceNodes, version: 1 | 2 | undefined): ConfigLine[] {
  if (version === undefined) return [];
  const prefix = version === 1 ? 'lxc.cgroup.devices' : 'lxc.cgroup2.devices';
  const given = spec.hostDevices.flatMap(({ id, readOnly }) => {
    const node = nodes.get(id);
    return node ? [deviceRule(node, readOnly)] : [];
  });
  return [...lines({ [`${prefix}.deny`]: 'a' }), ...[...always, ...given].map((rule) => ({ key: `${prefix}.allow`, value: rule }))];
}

/** The nodes of the devices in the container, under the paths that they have on the node. */
export const deviceMounts = (spec: DomainSpec): readonly MountEntry[] =>
  spec.hostDevices.flatMap(({ source, readOnly }): MountEntry[] =>
    source?.$case === 'blockPath' || source?.$case === 'characterPath'
      ? [{ source: source.value, target: source.value, type: 'none', options: ['bind', 'create=file', ...(readOnly ? ['ro'] : [])] }]
      : [],
  );

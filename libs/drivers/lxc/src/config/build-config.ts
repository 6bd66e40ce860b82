import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { GuestRef } from '@virtmesh/driver-spi';
import type { HostProfile } from '../probe/profile.ts';
import type { GuestPlaces } from '../process/places.ts';
import { capabilityLines } from './capabilities.ts';
import { type ConfigLine, lines, renderConfig } from './config-line.ts';
import { idMapLines, initLines, namespaceLines, type NamespacePaths } from './container.ts';
import { deviceLines, deviceMounts, type DeviceNodes } from './devices.ts';
import { doorwayMount } from './doorway.ts';
import { filesystemLines, type FilesystemSources } from './filesystems.ts';
import { limitsOf } from './limits.ts';
import { networkLines } from './network.ts';

export interface ConfigInput {
  readonly guest: GuestRef;
  readonly spec: DomainSpec;
  readonly places: GuestPlaces;
  readonly profile: Pick<HostProfile, 'appArmor' | 'seccompProfile' | 'cgroupVersion' | 'cpus'>;
  readonly sources: FilesystemSources;
  readonly nodes: DeviceNodes;
  /** `major:minor` of the disks of the node that are limited, by path. */
  readonly disks: ReadonlyMap<string, string>;
  readonly namespaces: NamespacePaths;
  /** The container's part of what is shared with it, by which file systems come in while it runs. */
  readonly doorway: string;
}

/** The text of LXC's configuration for a start. Pure. */
export function buildConfig(input: ConfigInput): string {
  const { guest, spec, places, profile } = input;
  return renderConfig([
    ...namespaceLines(guest.id, input.namespaces),
    ...filesystemLines(spec, input.sources, [doorwayMount(input.doorway), ...deviceMounts(spec)]),
    ...lines({
      'lxc.mount.auto': 'proc:mixed sys:mixed cgroup:mixed',
      'lxc.autodev': 1,
      'lxc.pty.max': 1024,
      'lxc.apparmor.profile': profile.appArmor ? 'generated' : 'unconfined',
      'lxc.seccomp.profile': profile.seccompProfile,
      'lxc.cgroup.dir.container': places.cgroup,
      'lxc.cgroup.dir.monitor': places.monitorCgroup,
    }),
    ...idMapLines(spec),
    ...capabilityLines(spec.container?.capabilities, spec.container?.idMap !== undefined),
    ...initLines(spec),
    ...consoleLines(input),
    ...networkLines(guest.uid, spec),
    ...limitLines(input),
    ...deviceLines(spec, input.nodes, profile.cgroupVersion('devices') ?? profile.cgroupVersion('memory')),
  ]);
}

/** The first console is the container's `/dev/console`, the others are its `/dev/tty1`, ... */
function consoleLines({ spec, places }: ConfigInput): ConfigLine[] {
  const [first, ...others] = spec.consoles;
  if (!first) return lines({ 'lxc.console.path': 'none', 'lxc.tty.max': 0 });
  return lines({
    'lxc.tty.max': others.length,
    // LXC's own rotation of a log loses some of what is written at that moment.
    'lxc.console.logfile': places.logFifo(first.id),
  });
}

const limitLines = ({ spec, profile, disks }: ConfigInput): ConfigLine[] =>
  limitsOf(spec, { version: profile.cgroupVersion, disks, cpus: profile.cpus }).map(({ version, file, value }) => ({
    key: `lxc.cgroup${version === 2 ? '2' : ''}.${file}`,
    value,
  }));

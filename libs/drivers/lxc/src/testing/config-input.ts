import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { DeviceNode } from '../config/devices.ts';
import type { ConfigInput } from '../config/build-config.ts';
import { placesOf } from '../process/places.ts';
import { complete } from '../spec/complete/complete.ts';
import { validate } from '../spec/validate/validate.ts';
import { goldenGuest, type GoldenPlaces } from './goldens.ts';

export const recordedPlaces: GoldenPlaces = { images: '/srv/images', disk: '/dev/loop0' };

export const recordedProfile = {
  arch: 'x86_64',
  cpus: 4,
  appArmor: false,
  seccompProfile: '/usr/share/lxc/config/common.seccomp',
  logKeeper: '/usr/bin/rotatelogs',
} as const;

type Version = (controller: string) => 1 | 2 | undefined;
export const legacy: Version = () => 1;
export const unified: Version = (controller) => (['freezer', 'blkio', 'cpuacct', 'devices'].includes(controller) ? undefined : 2);

/** What the configuration of a definition is built from on a node where all that it names is there. */
export function configInput(partial: Parameters<typeof DomainSpec.fromPartial>[0], version: Version = legacy): ConfigInput {
  const spec = complete(DomainSpec.fromPartial(partial), goldenGuest, recordedProfile);
  const places = placesOf({ runDir: '/run/virtmesh/guests', stateDir: '/var/lib/virtmesh/agent' }, goldenGuest.uid);
  const mounted = (id: string, source: DomainSpec['filesystems'][number]['source'], scratch: boolean): string =>
    source?.$case === 'directoryPath' && !scratch ? source.value : places.mount(id);
  return {
    guest: goldenGuest,
    spec,
    places,
    profile: { ...recordedProfile, cgroupVersion: version },
    sources: new Map(spec.filesystems.map(({ id, source, scratch }) => [id, mounted(id, source, scratch)])),
    nodes: new Map(
      spec.hostDevices.flatMap(({ id, source }): (readonly [string, DeviceNode])[] =>
        source?.$case === 'blockPath'
          ? [[id, { kind: 'block', major: 7, minor: 0 }]]
          : source?.$case === 'characterPath'
            ? [[id, { kind: 'character', major: 10, minor: 229 }]]
            : [],
      ),
    ),
    disks: new Map((spec.blockIo?.devices ?? []).map(({ path }) => [path, '7:0'])),
    namespaces: spec.container?.namespaces?.network?.source ? { network: '/run/netns/shared' } : {},
    doorway: places.doorway,
  };
}

/** The broken rules of a definition. */
export const violationsOf = (partial: Parameters<typeof DomainSpec.fromPartial>[0]): readonly string[] =>
  validate(complete(DomainSpec.fromPartial(partial), goldenGuest, recordedProfile), {
    profile: { ...recordedProfile, cgroupVersion: legacy },
    pathRoots: ['/srv/images'],
    hostDevices: {
      paths: ['/dev/null', '/dev/zero', '/dev/fuse', '/dev/vdb', '/dev/vdc', recordedPlaces.disk],
      interfaces: ['eth1', 'eth9', 'dummy0'],
    },
  }).map(({ field }) => field);

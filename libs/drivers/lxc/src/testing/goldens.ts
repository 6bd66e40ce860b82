import { CapabilityPolicy, IdMapMode } from '@virtmesh/contracts/domain/v1/container';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { GuestRef } from '@virtmesh/driver-spi';
import { join } from 'node:path';

type Partial_ = Parameters<typeof DomainSpec.fromPartial>[0];

/** What is on a node that the definitions below name. */
export interface GoldenPlaces {
  /** A directory below which there are `root`, `data dir` and `owned`, trees of files, and `disk.img`, an ext4 file system. */
  readonly images: string;
  /** A block device with a file system. */
  readonly disk: string;
}

export const goldenGuest: GuestRef = { uid: '11111111-2222-4333-8444-555555555555', id: 'web.1' };

/** Definitions that together have every setting, by the name of the file with their configuration. */
export const goldens: Readonly<Record<string, (places: GoldenPlaces) => Partial_>> = {
  minimal: (places) => small(places),
  init: (places) => ({
    ...small(places),
    container: {
      init: {
        path: '/bin/sh',
        args: ['-c', 'sleep "$1"', 'sh', '1000', "it's", 'a "b" c', '', 'two\nlines', '--', '#x', '\\'],
        environment: { PLAIN: 'x', QUOTED: ' "a" \'b\' ', HASH: '# none', EQUALS: 'a=b', TAB: 'a\tb' },
        workingDirectory: '/tmp',
        uid: 0,
        gid: 0,
      },
      maxProcesses: 100n,
      capabilities: { policy: CapabilityPolicy.UNSPECIFIED, keep: ['sys_time'], drop: ['net_raw'] },
    },
    consoles: [{}, {}],
  }),
  'capabilities-denied': (places) => ({
    ...small(places),
    container: { ...sleeping, capabilities: { policy: CapabilityPolicy.DENY, keep: ['net_bind_service', 'chown'] } },
  }),
  'capabilities-allowed': (places) => ({ ...small(places), container: { ...sleeping, capabilities: { policy: CapabilityPolicy.ALLOW } } }),
  limits: (places) => ({
    ...small(places),
    memory: { sizeBytes: 32n << 20n, tune: { hardLimitBytes: 48n << 20n, softLimitBytes: 40n << 20n, swapHardLimitBytes: 64n << 20n } },
    cpu: { vcpus: 2, tune: { shares: 512n, periodUs: 50_000n, quotaUs: 25_000n, affinity: '0' } },
    blockIo: { weight: 200, devices: [{ path: places.disk, readBytesPerSecond: 1_000_000n, writeIops: 100n }] },
  }),
  filesystems: ({ images, disk }) => ({
    ...small({ images, disk }),
    filesystems: [
      { source: { $case: 'directoryPath', value: join(images, 'root') }, target: '/', scratch: true },
      { source: { $case: 'directoryPath', value: join(images, 'data dir') }, target: '/mnt/data dir#1\\', readOnly: true },
      { source: { $case: 'imagePath', value: join(images, 'disk.img') }, target: '/mnt/image', type: 'ext4' },
      { source: { $case: 'devicePath', value: disk }, target: '/mnt/device', readOnly: true },
      { source: { $case: 'ram', value: { sizeBytes: 1n << 20n } }, target: '/mnt/image/ram' },
    ],
  }),
  devices: (places) => ({
    ...small(places),
    hostDevices: [
      { source: { $case: 'characterPath', value: '/dev/fuse' } },
      { source: { $case: 'blockPath', value: places.disk }, readOnly: true },
    ],
  }),
  'id-map': (places) => ({
    ...small(places),
    container: {
      ...sleeping,
      idMap: {
        uids: [{ start: 0n, target: 300_000n, count: 65_536n }],
        gids: [{ start: 0n, target: 300_000n, count: 65_536n }],
        mode: IdMapMode.IDMAPPED,
      },
    },
  }),
  'id-map-owned': ({ images, disk }) => ({
    ...small({ images, disk }),
    filesystems: [{ source: { $case: 'directoryPath', value: join(images, 'owned') }, target: '/' }],
    container: {
      ...sleeping,
      idMap: {
        uids: [{ start: 0n, target: 300_000n, count: 65_536n }],
        gids: [{ start: 0n, target: 300_000n, count: 65_536n }],
        mode: IdMapMode.OWNED,
      },
    },
  }),
};

/** Those that need a bridge `br0`, interfaces `dummy0`, and a namespace `shared`, and so a network of their own. */
export const networkGoldens: Readonly<Record<string, (places: GoldenPlaces) => Partial_>> = {
  network: (places) => ({
    ...small(places),
    interfaces: [
      {
        backend: { $case: 'bridge', value: { bridge: 'br0' } },
        macAddress: '00:16:3e:00:00:01',
        mtuBytes: 1400,
        guest: { addresses: ['192.0.2.10/24', '2001:db8::10/64'], ipv4Gateway: '192.0.2.1', ipv6Gateway: '2001:db8::1' },
      },
      { backend: { $case: 'bridge', value: { bridge: 'br0' } }, linkDown: true, guest: { name: 'back' } },
    ],
    hostDevices: [{ source: { $case: 'networkInterface', value: 'dummy0' } }],
  }),
  'network-shared': (places) => ({
    ...small(places),
    container: { ...sleeping, namespaces: { network: { source: { $case: 'named', value: 'shared' } } } },
  }),
};

const sleeping = { init: { path: '/bin/sleep', args: ['1000'] } };

const small = ({ images }: GoldenPlaces): NonNullable<Partial_> => ({
  hypervisor: 'lxc',
  memory: { sizeBytes: 64n << 20n },
  container: sleeping,
  filesystems: [{ source: { $case: 'directoryPath', value: join(images, 'root') }, target: '/' }],
});

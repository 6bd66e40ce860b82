import { LifecycleAction } from '@virtmesh/contracts/domain/v1/lifecycle';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { refuseUndriven } from '@virtmesh/driver-spi';
import { expect, test } from 'vitest';
import { recordedPlaces, violationsOf } from '../../testing/config-input.ts';
import { goldens } from '../../testing/goldens.ts';
import { drives, instead } from '../drives.ts';

type Partial_ = NonNullable<Parameters<typeof DomainSpec.fromPartial>[0]>;
const base = goldens['minimal']?.(recordedPlaces) as Partial_;
const filesystem = (given: object): Partial_ => ({ filesystems: [...(base.filesystems ?? []), given] });
const init = (given: object): Partial_ => ({ container: { init: { path: '/bin/x', ...given } } });
const net = (given: object): Partial_ => ({ interfaces: [{ backend: { $case: 'bridge', value: { bridge: 'br0' } }, ...given }] });
const directory = { $case: 'directoryPath', value: '/srv/images/x' };

const refused: readonly (readonly [string, Partial_, readonly string[]])[] = [
  ['a foreign architecture', { arch: 'riscv64' }, ['arch']],
  ['no memory', { memory: {} }, ['memory.size_bytes']],
  ['a part of a MiB', { memory: { sizeBytes: 1_000_000n } }, ['memory.size_bytes']],
  ['a hard limit below the size', { memory: { sizeBytes: 64n << 20n, tune: { hardLimitBytes: 1n } } }, ['memory.tune.hard_limit_bytes']],
  [
    'a soft limit above the hard one',
    { memory: { sizeBytes: 1n << 20n, tune: { softLimitBytes: 1n << 21n } } },
    ['memory.tune.soft_limit_bytes'],
  ],
  [
    'less swap than memory',
    { memory: { sizeBytes: 1n << 20n, tune: { swapHardLimitBytes: 4096n } } },
    ['memory.tune.swap_hard_limit_bytes'],
  ],
  ['more vCPUs at first than at most', { cpu: { vcpus: 2, maxVcpus: 1 } }, ['cpu.vcpus']],
  [
    'shares, period and quota out of range',
    { cpu: { tune: { shares: 1n, periodUs: 999n, quotaUs: 1n } } },
    ['cpu.tune.shares', 'cpu.tune.period_us', 'cpu.tune.quota_us'],
  ],
  ['CPUs that the node lacks', { cpu: { tune: { affinity: '0-4' } } }, ['cpu.tune.affinity']],
  ['a list of CPUs that is none', { cpu: { tune: { affinity: '0\n1' } } }, ['cpu.tune.affinity']],
  ['a start anew after power-off', { lifecycle: { onPoweroff: LifecycleAction.RESTART } }, ['lifecycle.on_poweroff']],
  ['an end at a reboot', { lifecycle: { onReboot: LifecycleAction.DESTROY } }, ['lifecycle.on_reboot']],
  ['a relative init', init({ path: 'sbin/init' }), ['container.init.path']],
  ['an init by ..', init({ path: '/bin/../init' }), ['container.init.path']],
  ['a directory of two lines', init({ workingDirectory: '/a\nb' }), ['container.init.working_directory']],
  ['too many arguments', init({ args: Array.from({ length: 257 }, () => '') }), ['container.init.args']],
  ['an argument that is too long', init({ args: ['x'.repeat(4097)] }), ['container.init.args[0]']],
  ['a variable of two lines', init({ environment: { A: 'x\ny' } }), ['container.init.environment["A"]']],
  ['a variable without a name', init({ environment: { 'A=B': 'x' } }), ['container.init.environment["A=B"]']],
  ['negative ids', init({ uid: -1, gid: -2 }), ['container.init.uid', 'container.init.gid']],
  ['a signal that is none', init({ shutdownSignal: 65 }), ['container.init.shutdown_signal']],
  [
    'a capability that is none',
    { container: { capabilities: { keep: ['all'], drop: ['NET_RAW'] } } },
    ['container.capabilities.keep[0]', 'container.capabilities.drop[0]'],
  ],
  [
    'a capability kept and dropped',
    { container: { capabilities: { keep: ['kill'], drop: ['kill'] } } },
    ['container.capabilities.drop[0]'],
  ],
  ['too many processes', { container: { maxProcesses: 4_194_305n } }, ['container.max_processes']],
  [
    'an id map to root',
    { container: { idMap: { uids: [{ start: 0n, target: 0n, count: 1n }], gids: [{ start: 1n, target: 1n, count: 1n }] } } },
    ['container.id_map.uids[0].target', 'container.id_map.gids'],
  ],
  [
    'an id map that overlaps',
    {
      container: {
        idMap: {
          uids: [
            { start: 0n, target: 10n, count: 5n },
            { start: 9n, target: 14n, count: 5n },
          ],
          gids: [{ start: 0n, target: 1n, count: 1n }],
        },
      },
    },
    ['container.id_map.uids[1]'],
  ],
  [
    'ids beyond what there are',
    { container: { idMap: { uids: [{ start: 0n, target: 4_294_967_290n, count: 100n }], gids: [{ start: 0n, target: 1n, count: 1n }] } } },
    ['container.id_map.uids[0].count'],
  ],
  [
    'an init by a user that the map does not have',
    {
      container: {
        init: { path: '/bin/x', uid: 10, gid: 9 },
        idMap: { uids: [{ start: 0n, target: 1n, count: 10n }], gids: [{ start: 0n, target: 1n, count: 10n }] },
      },
    },
    ['container.init.uid'],
  ],
  [
    'a namespace by a path',
    { container: { namespaces: { network: { source: { $case: 'named', value: '../../proc/1/ns/net' } } } } },
    ['container.namespaces.network.named'],
  ],
  [
    'a named namespace that has no names',
    { container: { namespaces: { ipc: { source: { $case: 'named', value: 'x' } } } } },
    ['container.namespaces.ipc.named'],
  ],
  ['no root', { filesystems: [] }, ['filesystems']],
  [
    'a path out of the roots',
    filesystem({ source: { $case: 'directoryPath', value: '/etc' }, target: '/x' }),
    ['filesystems[1].directory_path'],
  ],
  [
    'a path out of the roots by ..',
    filesystem({ source: { $case: 'imagePath', value: '/srv/images/../x' }, target: '/x' }),
    ['filesystems[1].image_path'],
  ],
  [
    'a device out of /dev',
    filesystem({ source: { $case: 'devicePath', value: '/srv/images/x' }, target: '/x' }),
    ['filesystems[1].device_path'],
  ],
  ["a target over the container's own", filesystem({ source: directory, target: '/proc/sys' }), ['filesystems[1].target']],
  ['two for one target', filesystem({ source: directory, target: '/' }), ['filesystems[1].target']],
  ['no source', filesystem({ target: '/x' }), ['filesystems[1].source']],
  [
    'too little memory for files',
    filesystem({ source: { $case: 'ram', value: { sizeBytes: 1n } }, target: '/x' }),
    ['filesystems[1].ram.size_bytes'],
  ],
  [
    'a type with options',
    filesystem({ source: { $case: 'imagePath', value: '/srv/images/x' }, target: '/x', type: 'ext4,suid' }),
    ['filesystems[1].type'],
  ],
  ...['proc', 'sysfs', 'devtmpfs', 'cgroup2', 'nfs', 'fuse', 'overlay', 'none'].map(
    (type) =>
      [
        `${type} in place of a file system of the image`,
        filesystem({ source: { $case: 'imagePath', value: '/srv/images/x' }, target: '/x', type }),
        ['filesystems[1].type'],
      ] as const,
  ),
  [
    'a target over the way by which others come in',
    filesystem({ source: directory, target: '/dev/.virtmesh/x' }),
    ['filesystems[1].target'],
  ],
  ["a target over the container's terminals", filesystem({ source: directory, target: '/dev/pts' }), ['filesystems[1].target']],
  ['scratch that is read-only', filesystem({ source: directory, target: '/x', scratch: true, readOnly: true }), ['filesystems[1].scratch']],
  [
    'a device of the node out of /dev',
    { hostDevices: [{ source: { $case: 'blockPath', value: '/etc/passwd' } }] },
    ['host_devices[0].block_path'],
  ],
  [
    'a disk of the node that is not allowed',
    { hostDevices: [{ source: { $case: 'blockPath', value: '/dev/vda' } }] },
    ['host_devices[0].block_path'],
  ],
  [
    'the memory of the node',
    { hostDevices: [{ source: { $case: 'characterPath', value: '/dev/mem' } }] },
    ['host_devices[0].character_path'],
  ],
  [
    'a device whose name begins like an allowed one',
    { hostDevices: [{ source: { $case: 'characterPath', value: '/dev/fused' } }] },
    ['host_devices[0].character_path'],
  ],
  [
    'an interface of the node that is not allowed',
    { hostDevices: [{ source: { $case: 'networkInterface', value: 'eth0' } }] },
    ['host_devices[0].network_interface'],
  ],
  [
    'a file system on a disk that is not allowed',
    filesystem({ source: { $case: 'devicePath', value: '/dev/vda' }, target: '/x' }),
    ['filesystems[1].device_path'],
  ],
  ['the loopback', { hostDevices: [{ source: { $case: 'networkInterface', value: 'lo' } }] }, ['host_devices[0].network_interface']],
  [
    'limits on what is no device',
    { blockIo: { weight: 5, devices: [{ path: '/x', readIops: -1n }] } },
    ['block_io.weight', 'block_io.devices[0].path', 'block_io.devices[0].read_iops'],
  ],
  ['an interface on nothing', { interfaces: [{}] }, ['interfaces[0].backend']],
  ['a bridge with options', net({ backend: { $case: 'bridge', value: { bridge: 'br0 x' } } }), ['interfaces[0].bridge.bridge']],
  ['a multicast address', net({ macAddress: '01:00:00:00:00:00' }), ['interfaces[0].mac_address']],
  ['an MTU out of range', net({ mtuBytes: 67 }), ['interfaces[0].mtu_bytes']],
  ['an MTU that IPv6 cannot have', net({ mtuBytes: 1279, guest: { addresses: ['2001:db8::1/64'] } }), ['interfaces[0].mtu_bytes']],
  [
    'routers that no address reaches',
    net({ guest: { ipv4Gateway: '192.0.2.1', ipv6Gateway: 'fe80::1' } }),
    ['interfaces[0].guest.ipv4_gateway', 'interfaces[0].guest.ipv6_gateway'],
  ],
  [
    'names and addresses that are none',
    net({ guest: { name: 'a/b', addresses: ['192.0.2.1', '::1/129'], ipv4Gateway: '::1', ipv6Gateway: 'fe80::1%eth0' } }),
    [
      'interfaces[0].guest.name',
      'interfaces[0].guest.addresses[0]',
      'interfaces[0].guest.addresses[1]',
      'interfaces[0].guest.ipv4_gateway',
      'interfaces[0].guest.ipv6_gateway',
    ],
  ],
];

test.each(refused)('%s is refused, by field', (_what, partial, fields) => {
  const container = { ...base.container, ...partial.container };
  expect(violationsOf({ ...base, ...partial, container })).toEqual(fields);
});

test('what other guests have and a container does otherwise is refused with how it does it', () => {
  const spec = DomainSpec.fromPartial({ memory: { sizeBytes: 1n, currentBytes: 1n }, disks: [{}] });
  expect(refuseUndriven(spec, drives, 'lxc', instead)).toEqual([
    {
      field: 'memory.current_bytes',
      description: 'the driver lxc does not drive this field; set `memory.size_bytes` instead, which a running container takes at once',
    },
    { field: 'disks[0]', description: 'the driver lxc does not drive this field; give the container `filesystems` instead' },
  ]);
  expect([...instead.keys()].filter((field) => drives.has(field))).toEqual([]);
});

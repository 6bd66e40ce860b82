import type { Violation } from '@virtmesh/base';
import { ChannelKind } from '@virtmesh/contracts/domain/v1/channel';
import { Firmware } from '@virtmesh/contracts/domain/v1/boot';
import { ClockOffset } from '@virtmesh/contracts/domain/v1/clock';
import { CpuFeaturePolicy, CpuMode } from '@virtmesh/contracts/domain/v1/cpu';
import { DiskBus, DiskCache, DiskDevice, DiskFormat, DiskIo } from '@virtmesh/contracts/domain/v1/disk';
import { Accelerator, DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { InterfaceModel, PortProtocol } from '@virtmesh/contracts/domain/v1/interface';
import { LifecycleAction } from '@virtmesh/contracts/domain/v1/lifecycle';
import { VideoModel } from '@virtmesh/contracts/domain/v1/video';
import { WatchdogModel } from '@virtmesh/contracts/domain/v1/watchdog';
import { genericViolations } from '@virtmesh/driver-spi';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BinaryProfile } from '../../probe/profile.ts';
import { guest } from '../../testing/launch.ts';
import { kvmAndTcg, recordedBinary, recordedKvm, tcgAlone } from '../../testing/recorded.ts';
import { complete } from '../complete/complete.ts';
import type { SpecContext } from './rule.ts';
import { validate } from './validate.ts';

type Given = Parameters<typeof DomainSpec.fromPartial>[0];

const root = '/images';
const MiB = 1n << 20n;
const context: SpecContext = { binary: recordedBinary, accelerators: tcgAlone, pathRoots: [root, '/srv/vm'] };

function violations(partial: Given, at: Partial<SpecContext> = {}): readonly Violation[] {
  const given = DomainSpec.fromPartial({ hypervisor: 'qemu', memory: { sizeBytes: 256n * MiB }, ...partial });
  const spec = complete(given, guest, recordedBinary);
  return [...genericViolations(spec), ...validate(spec, { ...context, ...at })];
}

const broken = (partial: Given, at?: Partial<SpecContext>): string[] => violations(partial, at).map(({ field }) => field);

const file = (path: string) => ({ source: { $case: 'filePath' as const, value: path } });
const disk = (more: object = {}, path = `${root}/a.img`) => ({ source: file(path), ...more });
const user = (value: object = {}) => ({ $case: 'user' as const, value });
const bridge = (name: string) => ({ $case: 'bridge' as const, value: { bridge: name } });
const vnc = (value: object = {}) => ({ protocol: { $case: 'vnc' as const, value } });
const many = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));
const without = (...devices: string[]): { binary: BinaryProfile } => ({
  binary: { ...recordedBinary, devices: new Set([...recordedBinary.devices].filter((device) => !devices.includes(device))) },
});

const cases: readonly (readonly [rule: string, given: Given, fields: readonly string[], at?: Partial<SpecContext>])[] = [
  ['the generic rules hold', { title: 'a\nb' }, ['title']],
  ["the architecture is the binary's", { arch: 'aarch64' }, ['arch']],
  ['the machine type is known', { machine: 'pc-q35-99.0' }, ['machine']],
  ['the machine type is one that can be laid out', { machine: 'microvm' }, ['machine']],
  ['KVM works here', { accelerator: Accelerator.KVM }, ['accelerator']],
  ['TCG works here', { accelerator: Accelerator.TCG }, ['accelerator'], { accelerators: { usable: [recordedKvm], why: { tcg: 'x' } } }],
  ['some accelerator works here', {}, ['accelerator'], { accelerators: { usable: [], why: { kvm: 'x' } } }],

  ['vCPUs are at least one', { cpu: { vcpus: -1 } }, ['cpu.vcpus', 'cpu.topology.sockets']],
  ['vCPUs are at most max_vcpus', { cpu: { vcpus: 3, maxVcpus: 2 } }, ['cpu.vcpus']],
  ['vCPUs are at most what the machine type has', { cpu: { maxVcpus: 289 } }, ['cpu.max_vcpus']],
  ['vCPUs are at most what an older kind of machine has', { machine: 'pc', cpu: { maxVcpus: 256 } }, ['cpu.max_vcpus']],
  ['the topology makes max_vcpus', { cpu: { maxVcpus: 8, topology: { sockets: 2, cores: 2 } } }, ['cpu.topology']],
  [
    'a part of the topology is at least one',
    { cpu: { maxVcpus: 2, topology: { sockets: -1, cores: -2 } } },
    ['cpu.topology.sockets', 'cpu.topology.cores'],
  ],
  ['CUSTOM has a model', { cpu: { mode: CpuMode.CUSTOM } }, ['cpu.model']],
  ['only CUSTOM has a model', { cpu: { mode: CpuMode.MAXIMUM, model: 'Nehalem' } }, ['cpu.model']],
  ['a model is known', { cpu: { model: 'Pentium9' } }, ['cpu.model']],
  ['a feature is known', { cpu: { features: [{ name: 'avx9' }] } }, ['cpu.features[0].name']],
  [
    'a switch of the emulator is no feature',
    { cpu: { features: [{ name: 'enforce', policy: CpuFeaturePolicy.DISABLE }] } },
    ['cpu.features[0].name'],
  ],
  [
    'a feature stands once',
    { cpu: { features: [{ name: 'aes' }, { name: 'aes', policy: CpuFeaturePolicy.DISABLE }] } },
    ['cpu.features[1].name'],
  ],
  [
    'a required feature can be emulated',
    { accelerator: Accelerator.TCG, cpu: { features: [{ name: 'avx512f' }] } },
    ['cpu.features[0].name'],
  ],
  ['KVM has all of a model', { accelerator: Accelerator.KVM, cpu: { model: 'Haswell-v4' } }, ['cpu.model'], { accelerators: kvmAndTcg }],

  ['memory is required', { memory: undefined }, ['memory']],
  ['memory is whole MiB', { memory: { sizeBytes: MiB + 1n } }, ['memory.size_bytes', 'memory.current_bytes']],
  ['memory is at least one MiB', { memory: { sizeBytes: -MiB } }, ['memory.size_bytes', 'memory.current_bytes']],
  ['the balloon leaves whole MiB', { memory: { sizeBytes: 4n * MiB, currentBytes: MiB + 1n } }, ['memory.current_bytes']],
  ['the balloon leaves at most all', { memory: { sizeBytes: 4n * MiB, currentBytes: 5n * MiB } }, ['memory.current_bytes']],
  [
    'the reports have a period',
    { memory: { sizeBytes: MiB, balloon: { statsPeriodSeconds: 3601 } } },
    ['memory.balloon.stats_period_seconds'],
  ],
  [
    'a period is not negative',
    { memory: { sizeBytes: MiB, balloon: { statsPeriodSeconds: -1 } } },
    ['memory.balloon.stats_period_seconds'],
  ],
  [
    'what needs the balloon is not there without it',
    { memory: { sizeBytes: 4n * MiB, currentBytes: MiB, balloon: { disabled: true, statsPeriodSeconds: 1, freePageReporting: true } } },
    ['memory.current_bytes', 'memory.balloon.stats_period_seconds', 'memory.balloon.free_page_reporting'],
  ],

  ['a kernel is below a root', { boot: { kernelPath: '/etc/passwd' } }, ['boot.kernel_path']],
  ['an initrd is below a root', { boot: { kernelPath: `${root}/k`, initrdPath: '/etc/passwd' } }, ['boot.initrd_path']],
  ['an initrd has a kernel', { boot: { initrdPath: `${root}/i` } }, ['boot.initrd_path']],
  ['arguments have a kernel', { boot: { kernelArgs: 'quiet' } }, ['boot.kernel_args']],
  ['arguments are at most 2048 characters', { boot: { kernelPath: `${root}/k`, kernelArgs: 'x'.repeat(2049) } }, ['boot.kernel_args']],
  ['arguments are one line', { boot: { kernelPath: `${root}/k`, kernelArgs: 'a\nb' } }, ['boot.kernel_args']],
  ['the order names devices', { boot: { order: ['disk7'] } }, ['boot.order[0]']],
  ['the order names disks and interfaces alone', { boot: { order: ['serial0'] }, serials: [{}] }, ['boot.order[0]']],
  ['the order names each once', { boot: { order: ['disk0', 'disk0'] }, disks: [disk()] }, ['boot.order[1]']],
  ['the menu is shown for at most 65535 ms', { boot: { menu: true, menuTimeoutMs: 65_536 } }, ['boot.menu_timeout_ms']],
  ['the menu is not shown for less than nothing', { boot: { menu: true, menuTimeoutMs: -1 } }, ['boot.menu_timeout_ms']],
  ['the time is for the menu', { boot: { menuTimeoutMs: 1 } }, ['boot.menu_timeout_ms']],
  ["variables are UEFI's", { boot: { nvramPath: `${root}/v` } }, ['boot.nvram_path']],
  ['variables are below a root', { boot: { firmware: Firmware.UEFI, nvramPath: '/v' } }, ['boot.nvram_path']],
  ["secure boot is UEFI's", { boot: { secureBoot: true } }, ['boot.secure_boot']],
  ['secure boot needs q35', { machine: 'pc', boot: { firmware: Firmware.UEFI, secureBoot: true } }, ['boot.secure_boot']],

  ['an adjustment is for VARIABLE', { clock: { adjustmentSeconds: 1n } }, ['clock.adjustment_seconds']],
  [
    'an adjustment is within 31 years',
    { clock: { offset: ClockOffset.VARIABLE, adjustmentSeconds: -1_000_000_001n } },
    ['clock.adjustment_seconds'],
  ],
  [
    'PRESERVE is for crashes',
    { lifecycle: { onPoweroff: LifecycleAction.PRESERVE, onReboot: LifecycleAction.PRESERVE, onCrash: LifecycleAction.PRESERVE } },
    ['lifecycle.on_poweroff', 'lifecycle.on_reboot'],
  ],

  ['a disk has a source', { disks: [{}] }, ['disks[0].source']],
  ['a path is not empty', { disks: [disk({}, '')] }, ['disks[0].source.file_path']],
  ['a path is absolute', { disks: [disk({}, 'images/a')] }, ['disks[0].source.file_path']],
  ['a path has no dots', { disks: [disk({}, `${root}/../etc/passwd`)] }, ['disks[0].source.file_path']],
  ['a path has no single dot', { disks: [disk({}, `${root}/./a`)] }, ['disks[0].source.file_path']],
  ['a path has no empty segment', { disks: [disk({}, `${root}//a`)] }, ['disks[0].source.file_path']],
  ["a path is not a directory's", { disks: [disk({}, `${root}/a/`)] }, ['disks[0].source.file_path']],
  ['a path has no end of line', { disks: [disk({}, `${root}/a\n`)] }, ['disks[0].source.file_path']],
  ['a path has no NUL', { disks: [disk({}, `${root}/a\0`)] }, ['disks[0].source.file_path', 'disks[0].source.file_path']],
  ['a path is valid text', { disks: [disk({}, `${root}/\ud800`)] }, ['disks[0].source.file_path']],
  ['a path has at most 4095 bytes', { disks: [disk({}, `${root}/${'ä/'.repeat(1500)}a`)] }, ['disks[0].source.file_path']],
  ['a segment has at most 255 bytes', { disks: [disk({}, `${root}/${'ä'.repeat(128)}`)] }, ['disks[0].source.file_path']],
  ['a path is below a root, not beside it', { disks: [disk({}, `${root}-mine/a`)] }, ['disks[0].source.file_path']],
  ['a path is not the root itself', { disks: [disk({}, root)] }, ['disks[0].source.file_path']],
  ['no root means no path', { disks: [disk()] }, ['disks[0].source.file_path'], { pathRoots: [] }],
  ['a CD-ROM is not on virtio', { disks: [disk({ device: DiskDevice.CDROM, bus: DiskBus.VIRTIO })] }, ['disks[0].bus']],
  ['q35 has no IDE', { disks: [disk({ bus: DiskBus.IDE })] }, ['disks[0].bus']],
  ['an ATA disk is not read-only', { disks: [disk({ bus: DiskBus.SATA, readOnly: true })] }, ['disks[0].read_only']],
  ['a bus needs its devices', { disks: [disk({ bus: DiskBus.SCSI })] }, ['disks[0].bus'], without('scsi-hd')],
  ['a bus has so many places', { disks: many(7, (index) => disk({ bus: DiskBus.SATA }, `${root}/${index}`)) }, ['disks']],
  ['IDE has four places', { machine: 'pc', disks: many(5, (index) => disk({ bus: DiskBus.IDE }, `${root}/${index}`)) }, ['disks']],
  ['SCSI has 256 places', { disks: many(257, (index) => disk({ bus: DiskBus.SCSI }, `${root}/${index}`)) }, ['disks']],
  ['a machine has so many slots', { disks: many(45, (index) => disk({}, `${root}/${index}`)) }, ['disks']],
  ['an older machine has fewer', { machine: 'pc', disks: many(21, (index) => disk({}, `${root}/${index}`)) }, ['disks']],
  [
    'what stays at the root has slots of its own',
    { interfaces: many(16, () => ({ backend: user(), model: InterfaceModel.E1000 })) },
    ['interfaces'],
  ],
  [
    'on pc it shares them',
    {
      machine: 'pc',
      disks: many(19, (index) => disk({}, `${root}/${index}`)),
      interfaces: many(2, () => ({ backend: user(), model: InterfaceModel.E1000 })),
    },
    ['interfaces'],
  ],
  ['native input and output needs no cache', { disks: [disk({ io: DiskIo.NATIVE })] }, ['disks[0].io']],
  ['native input and output needs no cache at all', { disks: [disk({ io: DiskIo.NATIVE, cache: DiskCache.UNSAFE })] }, ['disks[0].io']],
  [
    'io_uring is built in',
    { disks: [disk({ io: DiskIo.IO_URING })] },
    ['disks[0].io'],
    { binary: { ...recordedBinary, aio: new Set(['threads']) } },
  ],
  ['a discard needs writing', { disks: [disk({ discard: true, readOnly: true })] }, ['disks[0].discard']],
  ['a CD-ROM discards nothing', { disks: [disk({ device: DiskDevice.CDROM, discard: true })] }, ['disks[0].discard']],
  ['only raw disks are shared', { disks: [disk({ shareable: true, format: DiskFormat.QCOW2 })] }, ['disks[0].shareable']],
  ['a serial number has a form', { disks: [disk({ serial: 'a b' })] }, ['disks[0].serial']],
  ['a serial number is short', { disks: [disk({ serial: 'x'.repeat(21) })] }, ['disks[0].serial']],
  ['two disks do not write one file', { disks: [disk(), disk()] }, ['disks[1].source.file_path']],
  [
    'a total excludes its parts',
    { disks: [disk({ throttle: { totalBytesPerSecond: 1n, readBytesPerSecond: 1n } })] },
    ['disks[0].throttle.total_bytes_per_second'],
  ],
  [
    'a total of requests excludes its parts',
    { disks: [disk({ throttle: { totalIops: 1n, writeIops: 1n } })] },
    ['disks[0].throttle.total_iops'],
  ],
  ['a limit is not negative', { disks: [disk({ throttle: { writeBytesPerSecond: -1n } })] }, ['disks[0].throttle.write_bytes_per_second']],
  ['a limit has a limit', { disks: [disk({ throttle: { readIops: 10n ** 15n + 1n } })] }, ['disks[0].throttle.read_iops']],
  ['what is not there has no limit', { disks: [{ device: DiskDevice.CDROM, throttle: { readIops: 1n } }] }, ['disks[0].throttle']],

  ['an interface has a backend', { interfaces: [{}] }, ['interfaces[0].backend']],
  [
    'a model needs its device',
    { interfaces: [{ backend: user(), model: InterfaceModel.E1000 }] },
    ['interfaces[0].model'],
    without('e1000'),
  ],
  ['a MAC address has a form', { interfaces: [{ backend: user(), macAddress: '52-54-00-00-00-00' }] }, ['interfaces[0].mac_address']],
  ['a MAC address is unicast', { interfaces: [{ backend: user(), macAddress: '53:54:00:00:00:00' }] }, ['interfaces[0].mac_address']],
  ['a MAC address is not nothing', { interfaces: [{ backend: user(), macAddress: '00:00:00:00:00:00' }] }, ['interfaces[0].mac_address']],
  [
    "a MAC address is one interface's",
    {
      interfaces: [
        { backend: user(), macAddress: '52:54:00:AA:00:00' },
        { backend: user(), macAddress: '52:54:00:aa:00:00' },
      ],
    },
    ['interfaces[1].mac_address'],
  ],
  ['an MTU is at least 68', { interfaces: [{ backend: bridge('br0'), mtuBytes: 67 }] }, ['interfaces[0].mtu_bytes']],
  ['an MTU is at most 65535', { interfaces: [{ backend: bridge('br0'), mtuBytes: 65_536 }] }, ['interfaces[0].mtu_bytes']],
  [
    'only virtio tells the guest an MTU',
    { interfaces: [{ backend: bridge('br0'), mtuBytes: 1400, model: InterfaceModel.E1000 }] },
    ['interfaces[0].mtu_bytes'],
  ],
  ['user networking carries 1500 bytes', { interfaces: [{ backend: user(), mtuBytes: 1501 }] }, ['interfaces[0].mtu_bytes']],
  ['a bridge has a name', { interfaces: [{ backend: bridge('') }] }, ['interfaces[0].bridge.bridge']],
  ['a bridge has a short name', { interfaces: [{ backend: bridge('b'.repeat(16)) }] }, ['interfaces[0].bridge.bridge']],
  ["a bridge's name is no option", { interfaces: [{ backend: bridge('br0,x=y') }] }, ['interfaces[0].bridge.bridge']],
  [
    'a forward listens on an IPv4 address',
    { interfaces: [{ backend: user({ forwards: [{ hostAddress: 'localhost', hostPort: 1, guestPort: 1 }] }) }] },
    ['interfaces[0].user.forwards[0].host_address'],
  ],
  [
    'a forward has ports',
    { interfaces: [{ backend: user({ forwards: [{}] }) }] },
    ['interfaces[0].user.forwards[0].host_port', 'interfaces[0].user.forwards[0].guest_port'],
  ],
  [
    'a port is at most 65535',
    { interfaces: [{ backend: user({ forwards: [{ hostPort: 65_536, guestPort: 65_536 }] }) }] },
    ['interfaces[0].user.forwards[0].host_port', 'interfaces[0].user.forwards[0].guest_port'],
  ],
  [
    'a port is forwarded once, over all interfaces',
    {
      interfaces: [
        { backend: user({ forwards: [{ hostPort: 22, guestPort: 22 }] }) },
        { backend: user({ forwards: [{ hostPort: 22, guestPort: 23 }] }) },
      ],
    },
    ['interfaces[1].user.forwards[0].host_port'],
  ],
  [
    'all addresses are every address',
    {
      interfaces: [
        {
          backend: user({
            forwards: [
              { hostPort: 22, guestPort: 22 },
              { hostPort: 22, guestPort: 22, hostAddress: '0.0.0.0' },
            ],
          }),
        },
      ],
    },
    ['interfaces[0].user.forwards[1].host_port'],
  ],

  ['a serial port is 0 to 3', { serials: [{ port: 4 }] }, ['serials[0].port']],
  ["a serial port is one device's", { serials: [{ port: 1 }, { port: 1 }] }, ['serials[1].port']],
  ['there are four serial ports', { serials: many(5, () => ({})) }, ['serials[4].port']],
  [
    'consoles and channels are 30',
    { consoles: many(16, () => ({})), channels: many(15, () => ({ kind: ChannelKind.SOCKET })) },
    ['channels'],
  ],
  ['consoles alone are 30', { consoles: many(31, () => ({})) }, ['consoles']],
  ['a channel has a kind', { channels: [{}] }, ['channels[0].kind']],
  ["a channel's name has a form", { channels: [{ kind: ChannelKind.SOCKET, targetName: 'a/b' }] }, ['channels[0].target_name']],
  [
    "a channel's name is at most 64 characters",
    { channels: [{ kind: ChannelKind.SOCKET, targetName: 'x'.repeat(65) }] },
    ['channels[0].target_name'],
  ],
  [
    "the guest agent's channel has its name",
    { channels: [{ kind: ChannelKind.GUEST_AGENT, targetName: 'mine' }] },
    ['channels[0].target_name'],
  ],
  [
    "a channel's name is its own",
    { channels: [{ kind: ChannelKind.GUEST_AGENT }, { kind: ChannelKind.GUEST_AGENT }] },
    ['channels[1].target_name'],
  ],

  ['graphics have a protocol', { graphics: [{}] }, ['graphics[0].protocol']],
  ['VNC listens on an address', { graphics: [vnc({ listenAddress: 'localhost' })] }, ['graphics[0].vnc.listen_address']],
  ['VNC listens on no zone', { graphics: [vnc({ listenAddress: 'fe80::1%eth0' })] }, ['graphics[0].vnc.listen_address']],
  ['VNC listens from 5900 on', { graphics: [vnc({ port: 5899 })] }, ['graphics[0].vnc.port']],
  ['VNC listens up to 65535', { graphics: [vnc({ port: 65_536 })] }, ['graphics[0].vnc.port']],
  ['VNC listens on a port once', { graphics: [vnc({ port: 5900 }), vnc({ port: 5900 })] }, ['graphics[1].vnc.port']],
  ['a VNC password has at most 8 characters', { graphics: [vnc({ password: '123456789' })] }, ['graphics[0].vnc.password']],
  ['a VNC password is ASCII', { graphics: [vnc({ password: 'grün' })] }, ['graphics[0].vnc.password']],
  ["video memory is VGA's", { videos: [{ model: VideoModel.VIRTIO, memoryBytes: MiB }] }, ['videos[0].memory_bytes']],
  ['video memory is a power of two', { videos: [{ memoryBytes: 3n * MiB }] }, ['videos[0].memory_bytes']],
  ['video memory is at most 512 MiB', { videos: [{ memoryBytes: 1024n * MiB }] }, ['videos[0].memory_bytes']],
  ['video memory is whole MiB', { videos: [{ memoryBytes: 4096n }] }, ['videos[0].memory_bytes']],
  ['there is one VGA', { videos: [{}, { model: VideoModel.VIRTIO }] }, ['videos[1].model']],
  ['a video model needs its device', { videos: [{}] }, ['videos[0].model'], without('VGA')],

  ['a rate is not negative', { rngs: [{ rateBytes: -1n }] }, ['rngs[0].rate_bytes']],
  ['a rate has a limit', { rngs: [{ rateBytes: 10n ** 15n + 1n }] }, ['rngs[0].rate_bytes']],
  ['a period is at most an hour', { rngs: [{ periodMs: 3_600_001 }] }, ['rngs[0].period_ms']],
  ['a period is more than nothing', { rngs: [{ periodMs: -1 }] }, ['rngs[0].period_ms']],
  ['an rng needs its device', { rngs: [{}] }, ['rngs[0]'], without('virtio-rng-pci')],
  ['a watchdog needs its device', { watchdog: {} }, ['watchdog.model'], without('i6300esb')],
  ['an ISA watchdog needs its device', { watchdog: { model: WatchdogModel.IB700 } }, ['watchdog.model'], without('ib700')],
  ['a vsock needs its device', { vsock: {} }, ['vsock'], without('vhost-vsock-pci')],
  ["a context id is a guest's", { vsock: { cid: 2n } }, ['vsock.cid']],
  ["a context id is not every guest's", { vsock: { cid: 4_294_967_295n } }, ['vsock.cid']],
  ['raw arguments are at most 256', { qemu: { args: many(257, () => 'x') } }, ['qemu.args']],
  ['a raw argument is at most 4096 characters', { qemu: { args: ['x'.repeat(4097)] } }, ['qemu.args[0]']],
  ['a raw argument is not empty', { qemu: { args: [''] } }, ['qemu.args[0]']],
];

test.each(cases.map(([rule, ...rest]) => [rule, rest] as const))('%s', (_, [given, fields, at]) => {
  expect(broken(given, at)).toEqual(fields);
});

const accepted: readonly (readonly [what: string, given: Given])[] = [
  ['a file below the second root', { disks: [disk({}, '/srv/vm/deep/er/a b,c.img')] }],
  ['one file, read by two', { disks: [disk({ readOnly: true }), disk({ readOnly: true })] }],
  ['one file, shared by two', { disks: [disk({ shareable: true }), disk({ shareable: true })] }],
  ['an empty CD-ROM drive', { disks: [{ device: DiskDevice.CDROM }] }],
  ['as many virtio disks as there are slots', { disks: many(44, (index) => disk({}, `${root}/${index}`)) }],
  ['native input and output without cache', { disks: [disk({ io: DiskIo.NATIVE, cache: DiskCache.NONE })] }],
  [
    'the same port for TCP and UDP',
    {
      interfaces: [
        {
          backend: user({
            forwards: [
              { hostPort: 53, guestPort: 53 },
              { protocol: PortProtocol.UDP, hostPort: 53, guestPort: 53 },
            ],
          }),
        },
      ],
    },
  ],
  [
    'the same port on two addresses',
    {
      interfaces: [
        {
          backend: user({
            forwards: [
              { hostPort: 53, guestPort: 53 },
              { hostAddress: '127.0.0.2', hostPort: 53, guestPort: 53 },
            ],
          }),
        },
      ],
    },
  ],
  ['jumbo frames on a bridge', { interfaces: [{ backend: bridge('br0'), mtuBytes: 9000 }] }],
  ['VNC on all IPv6 addresses', { graphics: [vnc({ listenAddress: '::', port: 5900 })] }],
  ['kernel arguments with commas and quotes', { boot: { kernelPath: `${root}/k`, kernelArgs: 'a="b,c" d' } }],
  ['a required feature, where KVM may offer it', { cpu: { features: [{ name: 'avx512f' }] } }],
  ['a model beyond TCG', { accelerator: Accelerator.TCG, cpu: { model: 'Haswell-v4' } }],
];

test.each(accepted)('%s is accepted', (_, given) => {
  expect(broken(given)).toEqual([]);
});

test('each violation says what to do', () => {
  const words = cases.flatMap(([, given, , at]) => violations(given, at).map(({ description }) => description));
  expect(
    words.filter(
      (each) => !/must |use |leave |needs |required|set |install |move |change |keep |give |have |number |name |put |let /.test(each),
    ),
  ).toEqual([]);
});

test('no definition makes the rules throw', () => {
  const small = fc.integer({ min: -3, max: 8 });
  const text = fc.oneof(fc.string(), fc.constantFrom('', '/images/a', 'q35'));
  const anything = fc.record({
    arch: text,
    machine: text,
    accelerator: small,
    cpu: fc.record({
      vcpus: small,
      maxVcpus: small,
      mode: small,
      model: text,
      features: fc.array(fc.record({ name: text, policy: small })),
      topology: fc.record({ sockets: small, cores: small }),
    }),
    disks: fc.array(
      fc.record({
        id: text,
        device: small,
        bus: small,
        cache: small,
        io: small,
        format: small,
        source: fc.record({ source: fc.record({ $case: fc.constant('filePath' as const), value: text }) }),
        throttle: fc.record({ totalIops: fc.bigInt(-2n, 2n) }),
      }),
    ),
    interfaces: fc.array(fc.record({ id: text, model: small, macAddress: text, mtuBytes: small })),
    videos: fc.array(fc.record({ model: small, memoryBytes: fc.bigInt() })),
    boot: fc.record({ firmware: small, kernelPath: text, order: fc.array(text), secureBoot: fc.boolean() }),
  });
  fc.assert(
    fc.property(anything, (given) => {
      broken(given as Given);
    }),
  );
});

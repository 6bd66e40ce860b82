import { ChannelKind } from '@virtmesh/contracts/domain/v1/channel';
import { ClockOffset } from '@virtmesh/contracts/domain/v1/clock';
import { Disk, DiskFormat } from '@virtmesh/contracts/domain/v1/disk';
import { Accelerator, DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { GuestImage } from './guest-image.ts';

export type PartialSpec = Parameters<typeof DomainSpec.fromPartial>[0];
export type PartialDisk = Parameters<typeof Disk.fromPartial>[0];

export const mebibyte = 1024n * 1024n;

/** A machine with nothing to boot from: its firmware gives up and idles. It is up in a fraction of a second. */
export function idleMachine(over: PartialSpec = {}): DomainSpec {
  return DomainSpec.fromPartial({ hypervisor: 'qemu', accelerator: Accelerator.TCG, memory: { sizeBytes: 32n * mebibyte }, ...over });
}

/** The small Linux guest with a serial console and the guest agent's channel. `args` are further kernel arguments. */
export function linuxGuest(image: GuestImage, args = '', over: PartialSpec = {}): DomainSpec {
  return DomainSpec.fromPartial({
    hypervisor: 'qemu',
    accelerator: Accelerator.TCG,
    memory: { sizeBytes: 160n * mebibyte },
    boot: { kernelPath: image.kernel, initrdPath: image.initrd, kernelArgs: `console=ttyS0 quiet panic=-1 ${args}`.trim() },
    serials: [{}],
    channels: [{ kind: ChannelKind.GUEST_AGENT }],
    ...over,
  });
}

/** A disk on a file. */
export function fileDisk(path: string, format: 'raw' | 'qcow2' = 'raw', over: PartialDisk = {}): Disk {
  return Disk.fromPartial({
    source: { source: { $case: 'filePath', value: path } },
    format: format === 'raw' ? DiskFormat.RAW : DiskFormat.QCOW2,
    ...over,
  });
}

/** A definition with one of everything, all of it valid: what a test replaces a part of. It is never started as it is. */
export function machineOfAll(disks: string): DomainSpec {
  return idleMachine({
    title: 'title',
    labels: { label: 'value' },
    metadata: { 'urn:a': 'value' },
    cpu: { vcpus: 2, maxVcpus: 4, topology: { sockets: 1, dies: 1, cores: 2, threads: 2 }, features: [{ name: 'aes' }] },
    boot: { kernelPath: `${disks}/kernel`, initrdPath: `${disks}/initrd`, kernelArgs: 'quiet', menu: true, menuTimeoutMs: 1000 },
    clock: { offset: ClockOffset.VARIABLE, adjustmentSeconds: 60n },
    disks: [fileDisk(`${disks}/a.img`, 'raw', { id: 'disk0', serial: 'serial' })],
    interfaces: [{ backend: { $case: 'user', value: { forwards: [{ hostPort: 2222, guestPort: 22 }] } } }],
    serials: [{}],
    consoles: [{}],
    channels: [{ kind: ChannelKind.SOCKET, targetName: 'name' }],
    graphics: [{ protocol: { $case: 'vnc', value: { password: 'secret' } } }],
    videos: [{}],
    rngs: [{}],
    watchdog: {},
    vsock: { cid: 7n },
  });
}

/** A container with one of everything that machines have not, all of it valid: what a test replaces a part of. It is never started. */
export function containerOfAll(files: string): DomainSpec {
  const ids = [{ start: 0n, target: 100_000n, count: 65_536n }];
  return DomainSpec.fromPartial({
    hypervisor: 'lxc',
    memory: { sizeBytes: 32n * mebibyte, tune: { hardLimitBytes: 64n * mebibyte } },
    cpu: { vcpus: 1, tune: { shares: 100n, periodUs: 100_000n, quotaUs: 50_000n } },
    container: {
      init: { path: '/sbin/init', args: ['one'], environment: { NAME: 'value' }, workingDirectory: '/' },
      capabilities: { keep: ['net_admin'], drop: ['mknod'] },
      idMap: { uids: ids, gids: ids },
      namespaces: {},
      maxProcesses: 100n,
    },
    filesystems: [
      { source: { $case: 'imagePath', value: `${files}/data` }, target: '/data' },
      { source: { $case: 'directoryPath', value: `${files}/root` }, target: '/' },
    ],
    interfaces: [{ backend: { $case: 'bridge', value: { bridge: 'br0' } } }],
    hostDevices: [{ source: { $case: 'characterPath', value: '/dev/zero' } }],
    blockIo: { weight: 100 },
  });
}

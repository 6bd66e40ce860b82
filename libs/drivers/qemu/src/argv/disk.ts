import { type Disk, DiskBus, DiskCache, DiskDevice, DiskErrorPolicy, DiskFormat, DiskIo } from '@virtmesh/contracts/domain/v1/disk';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { qemuIds } from '../launch.ts';
import { diskPath } from '../spec/disk-path.ts';
import { deviceArguments, type DeviceProperties, json, type Properties } from './arguments.ts';
import { addressOf, type Builder, incomplete } from './context.ts';
import type { DeviceAddress } from './layout.ts';

/** How QEMU does a cache mode: on the host by the nodes, towards the guest by the device. */
const caches: Readonly<Record<number, { readonly direct: boolean; readonly noFlush: boolean; readonly writeCache: boolean }>> = {
  [DiskCache.WRITEBACK]: { direct: false, noFlush: false, writeCache: true },
  [DiskCache.WRITETHROUGH]: { direct: false, noFlush: false, writeCache: false },
  [DiskCache.NONE]: { direct: true, noFlush: false, writeCache: true },
  [DiskCache.DIRECTSYNC]: { direct: true, noFlush: false, writeCache: false },
  [DiskCache.UNSAFE]: { direct: false, noFlush: true, writeCache: true },
};
const aios: Readonly<Record<number, string>> = { [DiskIo.THREADS]: 'threads', [DiskIo.NATIVE]: 'native', [DiskIo.IO_URING]: 'io_uring' };
const errorPolicies: Readonly<Record<number, { readonly rerror: string; readonly werror: string }>> = {
  [DiskErrorPolicy.ENOSPC]: { rerror: 'report', werror: 'enospc' },
  [DiskErrorPolicy.STOP]: { rerror: 'stop', werror: 'stop' },
  [DiskErrorPolicy.REPORT]: { rerror: 'report', werror: 'report' },
  [DiskErrorPolicy.IGNORE]: { rerror: 'ignore', werror: 'ignore' },
};

/** The disks: for each the file, the format over it, and the device. Limits on traffic are set over QMP. */
export const disks: Builder = (context) =>
  context.spec.disks.flatMap((disk) => [
    ...blockNodes(disk).flatMap((node) => json('-blockdev', node)),
    ...deviceArguments(diskDevice(disk, context.spec, addressOf(context, disk.id), context.bootIndex(disk.id))),
  ]);

/** The file of a disk and the format over it; none for a drive without a medium. */
export function blockNodes(disk: Disk): readonly (Properties & { readonly 'node-name': string })[] {
  const filename = diskPath(disk);
  if (filename === undefined) return [];
  const { direct, noFlush } = caches[disk.cache] ?? { direct: false, noFlush: false };
  const both = { 'read-only': disk.readOnly, discard: disk.discard ? 'unmap' : 'ignore', cache: { direct, 'no-flush': noFlush } };
  return [
    { driver: 'file', 'node-name': qemuIds.fileNode(disk.id), filename, aio: aios[disk.io], ...both },
    {
      driver: disk.format === DiskFormat.QCOW2 ? 'qcow2' : 'raw',
      'node-name': qemuIds.blockNode(disk.id),
      file: qemuIds.fileNode(disk.id),
      ...both,
    },
  ];
}

export function diskDevice(disk: Disk, spec: DomainSpec, address: DeviceAddress, bootIndex: number | undefined): DeviceProperties {
  const cdrom = disk.device === DiskDevice.CDROM;
  return {
    driver: driver(disk.bus, cdrom),
    id: qemuIds.device(disk.id),
    ...address,
    'num-queues': disk.bus === DiskBus.VIRTIO ? diskQueues(spec) : undefined,
    drive: diskPath(disk) === undefined ? undefined : qemuIds.blockNode(disk.id),
    bootindex: bootIndex,
    serial: disk.serial || undefined,
    'write-cache': cdrom ? undefined : caches[disk.cache]?.writeCache,
    'share-rw': disk.shareable || undefined,
    ...errorPolicies[disk.errorPolicy],
  };
}

/**
 * How many queues disks have. QEMU's own choice is the number of vCPUs that it starts with, and a state that was saved when
 * there were more of them would not fit the machine that is to take it up: so it is the number that there can be.
 */
export const diskQueues = ({ cpu }: DomainSpec): number => cpu?.maxVcpus ?? incomplete('CPU');

function driver(bus: DiskBus, cdrom: boolean): string {
  if (bus === DiskBus.VIRTIO) return 'virtio-blk-pci';
  return `${bus === DiskBus.SCSI ? 'scsi' : 'ide'}-${cdrom ? 'cd' : 'hd'}`;
}

import { type Disk, DiskBus, DiskCache, DiskDevice, DiskErrorPolicy, DiskFormat, DiskIo } from '@virtmesh/contracts/domain/v1/disk';
import { qemuIds } from '../launch.ts';
import { diskPath } from '../spec/disk-path.ts';
import { device, json, type Keyed } from './arguments.ts';
import { addressOf, type Builder, type LaunchContext } from './context.ts';
import { controllerBuses } from './controllers.ts';

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
export const disks: Builder = (context) => {
  const unit = unitCounter();
  return context.spec.disks.flatMap((disk) => [...nodes(disk), ...frontend(disk, unit(disk.bus), context)]);
};

function nodes(disk: Disk): readonly string[] {
  const filename = diskPath(disk);
  if (filename === undefined) return [];
  const { direct, noFlush } = caches[disk.cache] ?? { direct: false, noFlush: false };
  const both = { 'read-only': disk.readOnly, discard: disk.discard ? 'unmap' : 'ignore', cache: { direct, 'no-flush': noFlush } };
  return [
    ...json('-blockdev', { driver: 'file', 'node-name': qemuIds.fileNode(disk.id), filename, aio: aios[disk.io], ...both }),
    ...json('-blockdev', {
      driver: disk.format === DiskFormat.QCOW2 ? 'qcow2' : 'raw',
      'node-name': qemuIds.blockNode(disk.id),
      file: qemuIds.fileNode(disk.id),
      ...both,
    }),
  ];
}

function frontend(disk: Disk, unit: number, context: LaunchContext): readonly string[] {
  const filled = diskPath(disk) !== undefined;
  const cdrom = disk.device === DiskDevice.CDROM;
  return device(driver(disk.bus, cdrom), {
    id: qemuIds.device(disk.id),
    ...place(disk, unit, context),
    drive: filled ? qemuIds.blockNode(disk.id) : undefined,
    bootindex: context.bootIndex(disk.id),
    serial: disk.serial || undefined,
    'write-cache': cdrom ? undefined : caches[disk.cache]?.writeCache,
    'share-rw': disk.shareable || undefined,
    ...errorPolicies[disk.errorPolicy],
  });
}

function driver(bus: DiskBus, cdrom: boolean): string {
  if (bus === DiskBus.VIRTIO) return 'virtio-blk-pci';
  return `${bus === DiskBus.SCSI ? 'scsi' : 'ide'}-${cdrom ? 'cd' : 'hd'}`;
}

function place(disk: Disk, unit: number, context: LaunchContext): Keyed {
  switch (disk.bus) {
    case DiskBus.SCSI:
      return { bus: controllerBuses.scsi, channel: 0, 'scsi-id': 0, lun: unit };
    case DiskBus.SATA:
      return { bus: context.family === 'q35' ? `ide.${unit}` : `${controllerBuses.ahci.slice(0, -1)}${unit}` };
    case DiskBus.IDE:
      return { bus: `ide.${Math.floor(unit / 2)}`, unit: unit % 2 };
    default:
      return { ...addressOf(context, disk.id) };
  }
}

/** The next free place on each bus, by the order of the definition. */
function unitCounter(): (bus: DiskBus) => number {
  const next = new Map<DiskBus, number>();
  return (bus) => {
    const unit = next.get(bus) ?? 0;
    next.set(bus, unit + 1);
    return unit;
  };
}

import { type Disk, DiskBus, DiskCache, DiskDevice, DiskErrorPolicy, DiskFormat, DiskIo } from '@virtmesh/contracts/domain/v1/disk';
import type { MachineFamily } from '../machine.ts';

export function completeDisk(disk: Disk, family: MachineFamily | undefined): void {
  disk.device ||= DiskDevice.DISK;
  if (disk.device === DiskDevice.CDROM) disk.readOnly = true;
  disk.bus ||= defaultBus(disk.device, family);
  disk.format ||= DiskFormat.RAW;
  disk.cache ||= DiskCache.WRITEBACK;
  disk.io ||= DiskIo.THREADS;
  disk.errorPolicy ||= DiskErrorPolicy.ENOSPC;
}

function defaultBus(device: DiskDevice, family: MachineFamily | undefined): DiskBus {
  if (device !== DiskDevice.CDROM) return DiskBus.VIRTIO;
  return family === 'pc' ? DiskBus.IDE : DiskBus.SATA;
}

import type { Violation } from '@virtmesh/base';
import { type Disk, DiskBus, DiskCache, DiskDevice, DiskFormat, DiskIo } from '@virtmesh/contracts/domain/v1/disk';
import { pathViolations } from '@virtmesh/driver-spi';
import { diskPath } from '../disk-path.ts';
import { type MachineFamily, machineFamily } from '../machine.ts';
import { nameIn, type Rule, type SpecContext, violation } from './rule.ts';
import { throttle } from './throttle.ts';

const serialForm = /^[A-Za-z0-9._-]{0,20}$/;

/** What a bus takes at most, and the QEMU devices that it needs. */
const buses: Readonly<Record<number, { readonly most: number; readonly devices: readonly string[] }>> = {
  [DiskBus.VIRTIO]: { most: Number.POSITIVE_INFINITY, devices: ['virtio-blk-pci'] },
  [DiskBus.SCSI]: { most: 256, devices: ['virtio-scsi-pci', 'scsi-hd', 'scsi-cd'] },
  [DiskBus.SATA]: { most: 6, devices: ['ich9-ahci', 'ide-hd', 'ide-cd'] },
  [DiskBus.IDE]: { most: 4, devices: ['ide-hd', 'ide-cd'] },
};

export const disks: Rule = function* (spec, context) {
  const family = machineFamily(spec.machine);
  for (const [index, disk] of spec.disks.entries()) {
    const field = `disks[${index}]`;
    yield* source(disk, field, context);
    yield* bus(disk, field, family, context);
    yield* options(disk, field, context);
    yield* throttle(disk, field);
  }
  yield* counts(spec.disks);
  yield* sharing(spec.disks);
};

function* source(disk: Disk, field: string, { pathRoots }: SpecContext): Generator<Violation> {
  const path = diskPath(disk);
  if (path !== undefined) yield* pathViolations(`${field}.source.file_path`, path, pathRoots);
  else if (disk.device !== DiskDevice.CDROM) yield violation(`${field}.source`, 'is required for a disk; only a CD-ROM can be empty');
}

function* bus(disk: Disk, field: string, family: MachineFamily | undefined, { binary }: SpecContext): Generator<Violation> {
  const missing = buses[disk.bus]?.devices.filter((device) => !binary.devices.has(device)) ?? [];
  if (missing.length > 0) yield violation(`${field}.bus`, `this node's QEMU has no ${missing.join(', ')}; use another bus`);
  if (disk.device === DiskDevice.CDROM && disk.bus === DiskBus.VIRTIO)
    yield violation(`${field}.bus`, 'virtio-blk has no CD-ROM; use SATA on q35, IDE on pc, or SCSI');
  if (disk.bus === DiskBus.IDE && family === 'q35')
    yield violation(`${field}.bus`, 'machine type q35 has no IDE; use SATA, or machine type pc');
  if (disk.readOnly && disk.device === DiskDevice.DISK && (disk.bus === DiskBus.SATA || disk.bus === DiskBus.IDE))
    yield violation(`${field}.read_only`, `a ${nameIn(DiskBus, disk.bus)} disk cannot be read-only; use VIRTIO or SCSI, or a CD-ROM`);
}

function* options(disk: Disk, field: string, { binary }: SpecContext): Generator<Violation> {
  if (disk.io === DiskIo.NATIVE && disk.cache !== DiskCache.NONE && disk.cache !== DiskCache.DIRECTSYNC)
    yield violation(
      `${field}.io`,
      `NATIVE needs cache NONE or DIRECTSYNC and the cache is ${nameIn(DiskCache, disk.cache)}; change one of them`,
    );
  const aio = disk.io === DiskIo.NATIVE ? 'native' : disk.io === DiskIo.IO_URING ? 'io_uring' : 'threads';
  if (!binary.aio.has(aio)) yield violation(`${field}.io`, `this node's QEMU was built without ${aio}; use THREADS`);
  if (disk.discard && (disk.readOnly || diskPath(disk) === undefined))
    yield violation(`${field}.discard`, 'needs a disk that the guest can write to; leave it out');
  if (disk.shareable && disk.format !== DiskFormat.RAW)
    yield violation(
      `${field}.shareable`,
      `needs format RAW, since several writers would destroy a ${nameIn(DiskFormat, disk.format)} image`,
    );
  if (!serialForm.test(disk.serial)) yield violation(`${field}.serial`, 'must be at most 20 characters of A-Z a-z 0-9 . _ -');
}

function* counts(disks: readonly Disk[]): Generator<Violation> {
  for (const [name, bus] of Object.entries(DiskBus)) {
    const most = buses[bus]?.most;
    const count = disks.filter((disk) => disk.bus === bus).length;
    if (most !== undefined && count > most)
      yield violation('disks', `${count} are on bus ${name}, which takes ${most}; move some to VIRTIO or SCSI`);
  }
}

/** One file behind two disks of one guest is written by both, which no guest means. */
function* sharing(disks: readonly Disk[]): Generator<Violation> {
  const first = new Map<string, number>();
  for (const [index, disk] of disks.entries()) {
    const path = diskPath(disk);
    if (path === undefined || disk.readOnly || disk.shareable) continue;
    const earlier = first.get(path);
    if (earlier === undefined) first.set(path, index);
    else
      yield violation(
        `disks[${index}].source.file_path`,
        `is also the file of disks[${earlier}]; give each disk a file of its own, or mark both shareable`,
      );
  }
}

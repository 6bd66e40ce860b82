import type { Violation } from '@virtmesh/base';
import type { Filesystem } from '@virtmesh/contracts/domain/v1/filesystem';
import { doorwayInside } from '../../config/doorway.ts';
import { devicePath, nodePath, plainPath } from './path.ts';
import { type Rule, type SpecContext, violation } from './rule.ts';

const maxFilesystems = 64;
/** Types that lie on a disk. Any other is something of the kernel's own, such as `proc`: mounted on the node, it would be the node's. */
const diskTypes = ['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'f2fs', 'vfat', 'exfat', 'ntfs3', 'iso9660', 'udf', 'squashfs', 'erofs'];
/** What the container has of its own at these places. */
const own = ['/proc', '/sys', '/dev/pts', doorwayInside];

export const filesystems: Rule = function* (spec, context) {
  const targets = new Map<string, number>();
  if (spec.filesystems.length > maxFilesystems)
    yield violation('filesystems', `has ${spec.filesystems.length} entries; the most is ${maxFilesystems}`);
  for (const [index, filesystem] of spec.filesystems.entries()) {
    const field = `filesystems[${index}]`;
    yield* target(filesystem.target, field);
    const earlier = targets.get(filesystem.target);
    if (earlier === undefined) targets.set(filesystem.target, index);
    else yield violation(`${field}.target`, `is also the target of filesystems[${earlier}]`);
    yield* source(filesystem, field, context);
    yield* options(filesystem, field);
  }
  if (!targets.has('/')) yield violation('filesystems', 'must have one with the target `/`, the root of the container');
};

function* target(path: string, field: string): Generator<Violation> {
  if (path === '/') return;
  const misformed = [...plainPath(`${field}.target`, path, 'in the container')];
  if (misformed.length > 0) yield* misformed;
  else if (own.some((place) => path === place || path.startsWith(`${place}/`)) || path === '/dev')
    yield violation(`${field}.target`, `must not be below ${own.join(', ')}, nor /dev itself: the container has its own there`);
}

function* source({ source, target }: Filesystem, field: string, { pathRoots }: SpecContext): Generator<Violation> {
  switch (source?.$case) {
    case 'directoryPath':
      return yield* nodePath(`${field}.directory_path`, source.value, pathRoots);
    case 'imagePath':
      return yield* nodePath(`${field}.image_path`, source.value, pathRoots);
    case 'devicePath':
      return yield* devicePath(`${field}.device_path`, source.value);
    case 'ram':
      if (target === '/') yield violation(`${field}.ram`, 'cannot be the root, which would be empty; use a directory with scratch');
      if (source.value.sizeBytes < 4096n) yield violation(`${field}.ram.size_bytes`, 'must be at least 4096');
      return undefined;
    case undefined:
      return yield violation(`${field}.source`, 'is required: a directory, an image, a block device, or memory');
    default:
      return source satisfies never;
  }
}

function* options({ source, type, scratch, readOnly }: Filesystem, field: string): Generator<Violation> {
  if (type !== '' && !diskTypes.includes(type)) yield violation(`${field}.type`, `must be one of ${diskTypes.join(' ')}, or left out`);
  else if (type !== '' && source?.$case !== 'imagePath' && source?.$case !== 'devicePath')
    yield violation(`${field}.type`, 'is for images and devices; leave it out');
  if (scratch && source?.$case !== 'directoryPath') yield violation(`${field}.scratch`, 'is for directories; leave it out');
  if (scratch && readOnly) yield violation(`${field}.scratch`, 'takes the writes that read_only forbids; choose one');
}

export const hostDevices: Rule = function* (spec) {
  const seen = new Map<string, number>();
  for (const [index, { source, readOnly }] of spec.hostDevices.entries()) {
    const field = `host_devices[${index}]`;
    if (!source) {
      yield violation(`${field}.source`, 'is required: a block device, a character device, or a network interface');
      continue;
    }
    if (source.$case !== 'networkInterface')
      yield* devicePath(`${field}.${source.$case === 'blockPath' ? 'block_path' : 'character_path'}`, source.value);
    else if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/.test(source.value) || source.value === 'lo')
      yield violation(`${field}.network_interface`, 'must be the name of an interface of the node, and not lo');
    else if (readOnly) yield violation(`${field}.read_only`, 'is for block and character devices; leave it out');
    const earlier = seen.get(source.value);
    if (earlier === undefined) seen.set(source.value, index);
    else yield violation(field, `is also host_devices[${earlier}]`);
  }
};

export const blockIo: Rule = function* ({ blockIo: given }) {
  if (!given) return;
  if (given.weight !== 0 && (given.weight < 10 || given.weight > 1000))
    yield violation('block_io.weight', 'must be 10 to 1000, or left out');
  if (given.devices.length > 64) yield violation('block_io.devices', `has ${given.devices.length} entries; the most is 64`);
  for (const [index, device] of given.devices.entries()) {
    const field = `block_io.devices[${index}]`;
    yield* devicePath(`${field}.path`, device.path);
    if (given.devices.findIndex(({ path }) => path === device.path) !== index) yield violation(`${field}.path`, 'is listed twice');
    for (const [name, rate] of [
      ['read_bytes_per_second', device.readBytesPerSecond],
      ['write_bytes_per_second', device.writeBytesPerSecond],
      ['read_iops', device.readIops],
      ['write_iops', device.writeIops],
    ] as const)
      if (rate < 0n) yield violation(`${field}.${name}`, 'must be 0 for no limit, or more');
  }
};

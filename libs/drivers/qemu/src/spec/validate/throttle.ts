import type { Violation } from '@virtmesh/base';
import type { Disk } from '@virtmesh/contracts/domain/v1/disk';
import { diskPath } from '../disk-path.ts';
import { violation } from './rule.ts';

/** QEMU's own limit of a limit. */
const most = 1_000_000_000_000_000n;

export function* throttle(disk: Disk, field: string): Generator<Violation> {
  if (!disk.throttle) return;
  const { totalBytesPerSecond, readBytesPerSecond, writeBytesPerSecond, totalIops, readIops, writeIops } = disk.throttle;
  const limits = {
    total_bytes_per_second: totalBytesPerSecond,
    read_bytes_per_second: readBytesPerSecond,
    write_bytes_per_second: writeBytesPerSecond,
    total_iops: totalIops,
    read_iops: readIops,
    write_iops: writeIops,
  };
  for (const [name, value] of Object.entries(limits)) {
    if (value < 0n || value > most) yield violation(`${field}.throttle.${name}`, `must be 0 (no limit) to ${most}`);
  }
  if (totalBytesPerSecond !== 0n && (readBytesPerSecond !== 0n || writeBytesPerSecond !== 0n))
    yield violation(`${field}.throttle.total_bytes_per_second`, 'excludes the limits of reading and writing; set the total, or the two');
  if (totalIops !== 0n && (readIops !== 0n || writeIops !== 0n))
    yield violation(`${field}.throttle.total_iops`, 'excludes the limits of reading and writing; set the total, or the two');
  if (diskPath(disk) === undefined && Object.values(limits).some((value) => value !== 0n))
    yield violation(`${field}.throttle`, 'a CD-ROM drive without a medium has no traffic to limit; leave it out');
}

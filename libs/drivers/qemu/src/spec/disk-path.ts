import type { Disk } from '@virtmesh/contracts/domain/v1/disk';

/** The file that a disk's data are in; undefined for a CD-ROM drive without a medium. */
export function diskPath(disk: Disk): string | undefined {
  return disk.source?.source?.$case === 'filePath' ? disk.source.source.value : undefined;
}

import { formatBytes } from '@virtmesh/base';
import { Disk, DiskBus, DiskCache, DiskDevice, DiskFormat, type DiskThrottle } from '@virtmesh/contracts/domain/v1/disk';
import { DomainView } from '@virtmesh/contracts/domain/v1/domain_service';
import { definitionOf } from '../../domain/definition-of.ts';
import { sourceOf } from '../../domain/find-device.ts';
import { getDomain } from '../../domain/lookup.ts';
import type { Invocation } from '../../invocation.ts';
import { setWord } from '../../output/states.ts';
import { type Column, renderTable } from '../../output/table.ts';

const limits = (throttle: DiskThrottle | undefined): string =>
  Object.entries(throttle ?? {})
    .filter(([, limit]) => limit > 0n)
    .map(([name, limit]) =>
      name.endsWith('BytesPerSecond') ? `${name.slice(0, -14)} ${formatBytes(limit)}/s` : `${name.slice(0, -4)} ${limit} iops`,
    )
    .join(', ');

const columns: readonly Column<Disk>[] = [
  { header: 'DISK', cell: (disk) => disk.id },
  { header: 'DEVICE', cell: (disk) => setWord(DiskDevice, disk.device) },
  { header: 'BUS', cell: (disk) => setWord(DiskBus, disk.bus) },
  { header: 'TYPE', cell: (disk) => (disk.source ? 'file' : '') },
  { header: 'FORMAT', cell: (disk) => setWord(DiskFormat, disk.format) },
  { header: 'CACHE', wide: true, cell: (disk) => setWord(DiskCache, disk.cache) },
  {
    header: 'ACCESS',
    wide: true,
    cell: (disk) => (disk.readOnly || disk.device === DiskDevice.CDROM ? 'read-only' : disk.shareable ? 'shared' : 'read-write'),
  },
  { header: 'LIMITS', wide: true, cell: (disk) => limits(disk.throttle) },
  { header: 'SERIAL', wide: true, cell: (disk) => disk.serial },
  { header: 'SOURCE', cell: sourceOf },
];

export async function run(invocation: Invocation): Promise<void> {
  const domain = await getDomain(invocation, DomainView.FULL);
  const { disks } = definitionOf(domain, invocation.flag('inactive'));
  await invocation.show({
    text: ({ wide, paint }) => renderTable(columns, disks, { wide, paint }),
    json: () => ({ disks: disks.map((disk) => Disk.toJSON(disk)) }),
    names: () => disks.map(({ id }) => id),
  });
}

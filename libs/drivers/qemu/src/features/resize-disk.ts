import { Fault } from '@virtmesh/base';
import type { ResizeDisk } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { qemuIds } from '../launch.ts';
import { diskPath } from '../spec/disk-path.ts';

const sectorBytes = 512n;

export const resizeDiskFeature = (context: DriverContext): ResizeDisk => ({
  resizeDisk: async (ref, active, id, sizeBytes, signal) => {
    const guest = context.guests.running(ref);
    const disk = active.disks.find((each) => each.id === id);
    if (!disk)
      throw new Fault(
        'DEVICE_NOT_FOUND',
        `${ref.id} has no disk ${id}; it has ${active.disks.map((each) => each.id).join(', ') || 'none'}`,
        { device: id },
      );
    if (diskPath(disk) === undefined) throw refused('disk', `${id} has no medium whose size could be changed`);
    if (disk.readOnly) throw refused('disk', `${id} is read-only`);
    if (sizeBytes <= 0n || sizeBytes % sectorBytes !== 0n)
      throw refused('size_bytes', `must be a multiple of ${sectorBytes}, and more than 0`);
    const name = qemuIds.blockNode(id);
    const nodes = await guest.execute('query-named-block-nodes', { flat: true }, signal);
    const present = BigInt(nodes.find((node) => node['node-name'] === name)?.image['virtual-size'] ?? 0);
    if (sizeBytes < present) throw refused('size_bytes', `${sizeBytes} is less than the ${present} that ${id} has; data would be lost`);
    if (sizeBytes > present) await guest.execute('block_resize', { 'node-name': name, size: Number(sizeBytes) }, signal);
  },
});

const refused = (field: string, description: string): Fault =>
  new Fault('REQUEST_INVALID', `${field}: ${description}`, { field }, { violations: [{ field, description }] });

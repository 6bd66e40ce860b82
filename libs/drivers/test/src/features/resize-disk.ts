import type { ResizeDisk } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { callGuest } from '../lifecycle/call-guest.ts';

export const resizeDiskFeature = (context: DriverContext): ResizeDisk => ({
  resizeDisk: async (guest, _active, disk, sizeBytes, signal) =>
    void (await callGuest(context, guest, 'resize-disk', { disk, sizeBytes: Number(sizeBytes) }, signal)),
});

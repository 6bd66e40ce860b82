import { Fault } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Picture, Screenshot } from '@virtmesh/driver-spi';
import type { DriverContext } from '../../context.ts';
import { qemuIds } from '../../launch.ts';
import type { LiveGuest } from '../../lifecycle/live-guest.ts';
import { ownerOf } from '../../process/users.ts';

/** Far more than the largest display has. */
const maxPictureBytes = 256 * 1024 * 1024;

export const screenshotFeature = (context: DriverContext): Screenshot => ({
  displays: displaysOf,
  screenshot: (guest, display, signal) => takePicture(context, context.guests.running(guest), display, signal),
});

export const displaysOf = (spec: DomainSpec): readonly string[] => spec.videos.map(({ id }) => id);

async function takePicture(context: DriverContext, guest: LiveGuest, display: string, signal: AbortSignal): Promise<Picture> {
  if (!displaysOf(guest.spec).includes(display))
    throw new Fault(
      'DEVICE_NOT_FOUND',
      `${guest.ref.id} has no video device ${display}; it has ${displaysOf(guest.spec).join(', ') || 'none'}`,
      { device: display },
    );
  const path = guest.places.picture();
  try {
    await guest.execute('screendump', { filename: path, device: qemuIds.device(display), format: 'png' }, signal);
    return { mimeType: 'image/png', data: await readPicture(context, guest, path) };
  } finally {
    await context.host.files.remove(path);
  }
}

/** Reads the file that the guest's process made, and no other: what lies in its directory is in its hands. */
async function readPicture(context: DriverContext, guest: LiveGuest, path: string): Promise<Buffer> {
  await using file = await context.host.files.open(path);
  const { kind, uid, sizeBytes } = await file.stat();
  const owner = ownerOf(context.users, guest.record.user)?.uid ?? context.host.uid;
  if (file.realPath !== path || kind !== 'file' || uid !== owner || sizeBytes > maxPictureBytes)
    throw new Fault('HYPERVISOR_FAILED', `QEMU made no picture but something else at ${path}`, { command: 'screendump', path });
  return await file.read(0, sizeBytes);
}

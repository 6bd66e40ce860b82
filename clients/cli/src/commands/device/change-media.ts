import { Fault } from '@virtmesh/base';
import { Device } from '@virtmesh/contracts/domain/v1/device';
import { type Disk, DiskDevice, DiskSource } from '@virtmesh/contracts/domain/v1/disk';
import { updateDevice } from '../../domain/change-device.ts';
import { changedDefinition } from '../../domain/definition-of.ts';
import { formatFor } from '../../domain/disk-format.ts';
import { diskNamed, sourceOf } from '../../domain/find-device.ts';
import type { Invocation } from '../../invocation.ts';
import { UsageError } from '../../usage-error.ts';

function sourceArgument(invocation: Invocation): string | undefined {
  const [, , source] = invocation.args;
  if (invocation.flag('eject')) {
    if (source !== undefined) throw new UsageError('--eject takes no SOURCE');
    return undefined;
  }
  if (source === undefined) throw new UsageError('say the SOURCE of the new medium, or --eject');
  return source;
}

function withMedium(drive: Disk, source: string | undefined, invocation: Invocation): Disk {
  if (drive.device !== DiskDevice.CDROM)
    throw new Fault('DEVICE_NOT_FOUND', `${drive.id} is a disk, not a CD-ROM: its medium cannot be changed`, { device: drive.id });
  const present = sourceOf(drive);
  if (invocation.flag('insert') && present !== '')
    throw new Fault('RESOURCE_IN_USE', `${drive.id} has the medium ${present} in it: --update exchanges it, --eject takes it out`, {
      device: drive.id,
      path: present,
    });
  if (source === undefined) return { ...drive, source: undefined };
  return {
    ...drive,
    source: DiskSource.fromPartial({ source: { $case: 'filePath', value: source } }),
    format: formatFor(source, invocation.text('format')),
  };
}

export async function run(invocation: Invocation): Promise<void> {
  const source = sourceArgument(invocation);
  await updateDevice(invocation, async (domain) => {
    const drive = diskNamed(changedDefinition(invocation, await domain()), invocation.args[1] ?? '');
    return Device.fromPartial({ device: { $case: 'disk', value: withMedium(drive, source, invocation) } });
  });
}

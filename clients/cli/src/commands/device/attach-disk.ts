import { Device } from '@virtmesh/contracts/domain/v1/device';
import { DiskBus, DiskCache, DiskDevice, DiskIo } from '@virtmesh/contracts/domain/v1/disk';
import { attachDevice } from '../../domain/change-device.ts';
import { formatFor } from '../../domain/disk-format.ts';
import type { Invocation } from '../../invocation.ts';
import { enumNamed } from '../../spec/enum-named.ts';

export async function run(invocation: Invocation): Promise<void> {
  const source = invocation.args[1] ?? '';
  const device = Device.fromPartial({
    device: {
      $case: 'disk',
      value: {
        id: invocation.text('id') ?? '',
        device: invocation.flag('cdrom') ? DiskDevice.CDROM : DiskDevice.DISK,
        bus: enumNamed(DiskBus, invocation.text('targetBus')),
        source: { source: { $case: 'filePath', value: source } },
        format: formatFor(source, invocation.text('format')),
        cache: enumNamed(DiskCache, invocation.text('cache')),
        io: enumNamed(DiskIo, invocation.text('io')),
        serial: invocation.text('serial') ?? '',
        readOnly: invocation.flag('readonly'),
        shareable: invocation.flag('shareable'),
        discard: invocation.flag('discard'),
      },
    },
  });
  await attachDevice(invocation, device);
}

import { attachDevice } from '../../domain/change-device.ts';
import { withDeviceFile } from '../../domain/read-device-file.ts';
import type { Invocation } from '../../invocation.ts';

export async function run(invocation: Invocation): Promise<void> {
  await withDeviceFile(invocation, (device) => attachDevice(invocation, device));
}

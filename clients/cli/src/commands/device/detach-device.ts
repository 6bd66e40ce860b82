import { detachDevice } from '../../domain/change-device.ts';
import type { Invocation } from '../../invocation.ts';

export async function run(invocation: Invocation): Promise<void> {
  await detachDevice(invocation, () => Promise.resolve(invocation.args[1] ?? ''));
}

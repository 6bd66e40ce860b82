import { detachDevice } from '../../domain/change-device.ts';
import { diskNamed } from '../../domain/find-device.ts';
import { readChanged } from '../../domain/read-changed.ts';
import type { Invocation } from '../../invocation.ts';

export async function run(invocation: Invocation): Promise<void> {
  await detachDevice(invocation, async (name) => diskNamed(await readChanged(invocation, name), invocation.args[1] ?? '').id);
}

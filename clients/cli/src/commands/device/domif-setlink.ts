import { Device } from '@virtmesh/contracts/domain/v1/device';
import { updateDevice } from '../../domain/change-device.ts';
import { changedDefinition } from '../../domain/definition-of.ts';
import { interfaceNamed } from '../../domain/find-device.ts';
import type { Invocation } from '../../invocation.ts';

export async function run(invocation: Invocation): Promise<void> {
  const [, reference = '', state] = invocation.args;
  await updateDevice(invocation, async (domain) => {
    const value = interfaceNamed(changedDefinition(invocation, await domain()), reference);
    return Device.fromPartial({ device: { $case: 'interface', value: { ...value, linkDown: state === 'down' } } });
  });
}

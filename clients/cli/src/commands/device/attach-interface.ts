import { Device } from '@virtmesh/contracts/domain/v1/device';
import { Interface, InterfaceModel } from '@virtmesh/contracts/domain/v1/interface';
import { attachDevice } from '../../domain/change-device.ts';
import type { Invocation } from '../../invocation.ts';
import { enumNamed } from '../../spec/enum-named.ts';
import { UsageError } from '../../usage-error.ts';

function backendOf(type: string | undefined, source: string | undefined): NonNullable<Interface['backend']> {
  if (type === 'user') {
    if (source !== undefined) throw new UsageError('an interface of type user has no SOURCE');
    return { $case: 'user', value: { restricted: false, forwards: [] } };
  }
  if (source === undefined) throw new UsageError('an interface of type bridge needs the name of the bridge as SOURCE');
  return { $case: 'bridge', value: { bridge: source } };
}

export async function run(invocation: Invocation): Promise<void> {
  const [, type, source] = invocation.args;
  const value = Interface.fromPartial({
    id: invocation.text('id') ?? '',
    model: enumNamed(InterfaceModel, invocation.text('model')),
    macAddress: invocation.text('mac') ?? '',
    mtuBytes: invocation.number('mtu') ?? 0,
    backend: backendOf(type, source),
  });
  await attachDevice(invocation, Device.fromPartial({ device: { $case: 'interface', value } }));
}

import { type Interface, PortProtocol, type UserNetwork } from '@virtmesh/contracts/domain/v1/interface';
import { qemuIds } from '../launch.ts';
import { interfaceDevice } from '../spec/interface-device.ts';
import { device, json } from './arguments.ts';
import { addressOf, type Builder, incomplete, type LaunchContext } from './context.ts';

/** Whether a cable is out is set over QMP. */
export const interfaces: Builder = (context) =>
  context.spec.interfaces.flatMap((card) => [
    ...backend(card, context),
    ...device(interfaceDevice(card.model) ?? incomplete(`model of ${card.id}`), {
      id: qemuIds.device(card.id),
      ...addressOf(context, card.id),
      netdev: qemuIds.netdev(card.id),
      mac: card.macAddress,
      bootindex: context.bootIndex(card.id),
      host_mtu: card.mtuBytes || undefined,
    }),
  ]);

function backend({ id, backend }: Interface, { input }: LaunchContext): readonly string[] {
  const netdev = qemuIds.netdev(id);
  if (backend?.$case === 'user')
    return json('-netdev', { type: 'user', id: netdev, restrict: backend.value.restricted, hostfwd: forwards(backend.value) });
  const ifname = input.taps[id] ?? incomplete(`tap device for ${id}`);
  // The tap is there and in its bridge: nothing is left for a script to do, and the sandbox would not let it.
  return json('-netdev', { type: 'tap', id: netdev, ifname, script: 'no', downscript: 'no' });
}

function forwards({ forwards }: UserNetwork): { readonly str: string }[] | undefined {
  if (forwards.length === 0) return undefined;
  return forwards.map(({ protocol, hostAddress, hostPort, guestPort }) => ({
    str: `${protocol === PortProtocol.UDP ? 'udp' : 'tcp'}:${hostAddress}:${hostPort}-:${guestPort}`,
  }));
}

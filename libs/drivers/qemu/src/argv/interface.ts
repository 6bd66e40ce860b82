import { type Interface, PortProtocol, type UserNetwork } from '@virtmesh/contracts/domain/v1/interface';
import { qemuIds } from '../launch.ts';
import { interfaceDevice } from '../spec/interface-device.ts';
import { deviceArguments, type DeviceProperties, json, type Properties } from './arguments.ts';
import { addressOf, type Builder, incomplete } from './context.ts';
import type { DeviceAddress } from './layout.ts';

/** Whether a cable is out is set over QMP. */
export const interfaces: Builder = (context) =>
  context.spec.interfaces.flatMap((card) => [
    ...json('-netdev', netdev(card, context.input.taps[card.id])),
    ...deviceArguments(networkDevice(card, addressOf(context, card.id), context.bootIndex(card.id))),
  ]);

export const networkDevice = (card: Interface, address: DeviceAddress, bootIndex: number | undefined): DeviceProperties => ({
  driver: interfaceDevice(card.model) ?? incomplete(`model of ${card.id}`),
  id: qemuIds.device(card.id),
  ...address,
  netdev: qemuIds.netdev(card.id),
  mac: card.macAddress,
  bootindex: bootIndex,
  host_mtu: card.mtuBytes || undefined,
});

/** The host's side of a network adapter. */
export function netdev({ id, backend }: Interface, tap: string | undefined): Properties {
  const name = qemuIds.netdev(id);
  if (backend?.$case === 'user') return { type: 'user', id: name, restrict: backend.value.restricted, hostfwd: forwards(backend.value) };
  // The tap is there and in its bridge: nothing is left for a script to do, and the sandbox would not let it.
  return { type: 'tap', id: name, ifname: tap ?? incomplete(`tap device for ${id}`), script: 'no', downscript: 'no' };
}

function forwards({ forwards }: UserNetwork): { readonly str: string }[] | undefined {
  if (forwards.length === 0) return undefined;
  return forwards.map(({ protocol, hostAddress, hostPort, guestPort }) => ({
    str: `${protocol === PortProtocol.UDP ? 'udp' : 'tcp'}:${hostAddress}:${hostPort}-:${guestPort}`,
  }));
}

import type { Interface } from '@virtmesh/contracts/domain/v1/interface';
import { vethName } from '../config/network.ts';
import type { DriverContext } from '../context.ts';
import { requireBridge } from '../lifecycle/start/network.ts';
import type { DeviceTarget, DeviceWork } from './device-target.ts';

/** Brings an interface on a bridge into a running container, and takes it out. One that an earlier life left half made is completed. */
export function interfaceWork({ host, guests }: DriverContext, { guest, to }: DeviceTarget, device: Interface): DeviceWork {
  const name = vethName(guest.uid, device.id);
  return {
    attach: async (signal) => {
      if (device.backend?.$case !== 'bridge') return;
      const { bridge } = device.backend.value;
      await requireBridge(host.network, bridge, `spec.interfaces[${to.interfaces.findIndex(({ id }) => id === device.id)}].bridge.bridge`);
      const { pid } = guests.running(guest).requireInit();
      const inside = device.guest?.name ?? '';
      await host.network.addVeth(
        { name, bridge, peer: { name: inside, macAddress: device.macAddress, pid }, mtuBytes: device.mtuBytes },
        signal,
      );
      const gateways = [device.guest?.ipv4Gateway, device.guest?.ipv6Gateway].filter(
        (gateway): gateway is string => gateway !== undefined && gateway !== '',
      );
      await host.network.setUpInner({ pid, name: inside, addresses: device.guest?.addresses ?? [], gateways }, signal);
      if (device.linkDown) await host.network.setUp(name, false, signal);
    },
    // Either end takes the other with it.
    detach: (signal) => host.network.removeTaps([name], signal),
  };
}

import type { InterfaceStats } from '@virtmesh/contracts/domain/v1/stats';
import type { HostNetwork } from '@virtmesh/driver-spi';

/** The traffic of a guest's interface, counted at the host's end of its cable: what the host sends, the guest receives. None where the host has no such end. */
export function interfaceStats(network: HostNetwork, id: string, hostDevice: string): InterfaceStats[] {
  const counters = network.counters(hostDevice);
  if (!counters) return [];
  return [
    {
      id,
      hostDevice,
      receiveBytes: counters.transmitBytes,
      receivePackets: counters.transmitPackets,
      receiveErrors: counters.transmitErrors,
      receiveDrops: counters.transmitDrops,
      transmitBytes: counters.receiveBytes,
      transmitPackets: counters.receivePackets,
      transmitErrors: counters.receiveErrors,
      transmitDrops: counters.receiveDrops,
    },
  ];
}

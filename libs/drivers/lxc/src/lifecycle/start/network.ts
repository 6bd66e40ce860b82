import { Fault } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { HostNetwork } from '@virtmesh/driver-spi';

/** Refuses a start whose bridges, or whose interfaces of the node, are not there. */
export async function requireNetwork(network: HostNetwork, spec: DomainSpec): Promise<void> {
  for (const [index, { backend }] of spec.interfaces.entries())
    if (backend?.$case === 'bridge') await requireBridge(network, backend.value.bridge, `spec.interfaces[${index}].bridge.bridge`);
  for (const [index, { source }] of spec.hostDevices.entries())
    if (source?.$case === 'networkInterface') requireInterface(network, source.value, `spec.host_devices[${index}].network_interface`);
}

export async function requireBridge(network: HostNetwork, bridge: string, field: string): Promise<void> {
  if (await network.isBridge(bridge)) return;
  throw new Fault(
    'HOST_INCOMPATIBLE',
    `${field}: the node has no bridge ${bridge}; make it, such as by: ip link add ${bridge} type bridge && ip link set ${bridge} up`,
    { field, bridge },
  );
}

export function requireInterface(network: HostNetwork, name: string, field: string): void {
  if (network.exists(name)) return;
  throw new Fault(
    'HOST_INCOMPATIBLE',
    `${field}: the node has no network interface ${name}, or another guest has it; name one that it has`,
    {
      field,
      interface: name,
    },
  );
}

import { Fault } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { GuestRef, HostNetwork, TapOrder } from '@virtmesh/driver-spi';
import { createHash } from 'node:crypto';

/** The name of an interface's tap device: the same at each start, so that it can be found again, and within the kernel's 15 characters. */
export const tapName = (uid: string, interfaceId: string): string =>
  `vm${createHash('sha256').update(`${uid}/${interfaceId}`).digest('hex').slice(0, 12)}`;

/** The taps of a definition's bridged interfaces, by interface id. */
export function tapsOf(guest: GuestRef, spec: DomainSpec): Readonly<Record<string, string>> {
  return Object.fromEntries(
    spec.interfaces.flatMap(({ id, backend }) => (backend?.$case === 'bridge' ? [[id, tapName(guest.uid, id)]] : [])),
  );
}

/** Makes the taps, or that of one interface, owned by the guest's user, and puts them into their bridges. */
export async function makeTaps(
  network: HostNetwork,
  guest: GuestRef,
  spec: DomainSpec,
  uid: number,
  signal: AbortSignal,
  only?: string,
): Promise<void> {
  const orders: TapOrder[] = [];
  for (const [index, { id, backend, mtuBytes }] of spec.interfaces.entries()) {
    if (backend?.$case !== 'bridge' || (only !== undefined && id !== only)) continue;
    const { bridge } = backend.value;
    if (!(await network.isBridge(bridge))) {
      const field = `spec.interfaces[${index}].bridge.bridge`;
      throw new Fault(
        'HOST_INCOMPATIBLE',
        `${field}: the node has no bridge ${bridge}; make it, such as by: ip link add ${bridge} type bridge && ip link set ${bridge} up`,
        { field, bridge },
      );
    }
    orders.push({ name: tapName(guest.uid, id), uid, bridge, mtuBytes, alias: `virtmesh:${guest.uid}` });
  }
  await network.addTaps(orders, signal);
}

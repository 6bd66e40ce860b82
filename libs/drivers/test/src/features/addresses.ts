import { AddressSource, type GuestAddresses } from '@virtmesh/contracts/domain/v1/guest';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Interface } from '@virtmesh/contracts/domain/v1/interface';
import type { Addresses, GuestRef } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { callGuest } from '../lifecycle/call-guest.ts';
import { canBeAsked } from '../spec/profile.ts';

export const addressesFeature = (context: DriverContext): Addresses => ({
  addresses: async (guest, active, source, signal) => {
    const asked = source === AddressSource.GUEST || (source === AddressSource.UNSPECIFIED && canBeAsked(active));
    return asked ? fromGuest(context, guest, active, signal) : fromNode(context, guest, active, signal);
  },
});

/** What the guest tells: its names, and the loopback too. */
async function fromGuest(context: DriverContext, guest: GuestRef, active: DomainSpec, signal: AbortSignal): Promise<GuestAddresses[]> {
  await callGuest(context, guest, 'ask-agent', {}, signal);
  return [
    { name: 'lo', interface: '', macAddress: '00:00:00:00:00:00', addresses: ['127.0.0.1/8', '::1/128'] },
    ...active.interfaces.map((device, index) => ({
      name: device.guest?.name || `eth${index}`,
      interface: device.id,
      macAddress: device.macAddress,
      addresses: addressesOf(device),
    })),
  ];
}

/** What the node has seen of those that are on its network. */
async function fromNode(context: DriverContext, guest: GuestRef, active: DomainSpec, signal: AbortSignal): Promise<GuestAddresses[]> {
  await callGuest(context, guest, 'observe', {}, signal);
  return active.interfaces
    .filter(({ linkDown }) => !linkDown)
    .map((device) => ({
      name: '',
      interface: device.id,
      macAddress: device.macAddress,
      addresses: addressesOf(device).map((address) => address.replace(/\/\d+$/, '')),
    }));
}

/** Those of the definition, else one in 10.0.0.0/8 by the last half of the MAC address. */
function addressesOf({ guest, macAddress }: Interface): string[] {
  if (guest && guest.addresses.length > 0) return [...guest.addresses];
  const [a, b, c] = macAddress
    .split(':')
    .slice(3)
    .map((part) => parseInt(part, 16));
  return [`10.${a ?? 0}.${b ?? 0}.${c ?? 0}/8`];
}

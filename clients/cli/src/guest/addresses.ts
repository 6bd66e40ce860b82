import { isIPv6 } from 'node:net';
import type { GuestAddresses } from '@virtmesh/contracts/domain/v1/guest';

export interface AddressRow {
  readonly name: string;
  readonly mac: string;
  readonly device: string;
  readonly protocol: string;
  readonly address: string;
}

const bare = (address: string): string => address.replace(/\/.*$/, '');

/** A line for each address, as virsh has them: an interface's name and MAC stand on its first one, or on all with `full`. */
export function addressRows(interfaces: readonly GuestAddresses[], full: boolean): AddressRow[] {
  return interfaces.flatMap(({ name, macAddress: mac, interface: device, addresses }) =>
    (addresses.length === 0 ? [''] : addresses).map((address, index) => ({
      ...(full || index === 0 ? { name, mac, device } : { name: '', mac: '', device: '' }),
      protocol: address === '' ? '' : isIPv6(bare(address)) ? 'ipv6' : 'ipv4',
      address,
    })),
  );
}

export const isLoopback = (address: string): boolean => address.startsWith('127.') || bare(address) === '::1';

/** Whether others than its own link can use it: neither loopback nor link-local. */
export const isReachable = (address: string): boolean => !isLoopback(address) && !/^(?:169\.254\.|fe[89ab][0-9a-f]:)/i.test(address);

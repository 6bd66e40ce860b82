import { isIP } from 'node:net';
import type { Violation } from '@virtmesh/base';
import type { GuestInterface } from '@virtmesh/contracts/domain/v1/interface';
import { interfaceNameForm, interfaceNameRule, type Rule, violation } from './rule.ts';

/** The kernel gives an interface with less no IPv6. */
const leastIpv6Mtu = 1280;
const macForm = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;

export const interfaces: Rule = function* (spec) {
  const macs = new Map<string, number>();
  const names = new Map<string, number>();
  for (const [index, { backend, macAddress, mtuBytes, guest }] of spec.interfaces.entries()) {
    const field = `interfaces[${index}]`;
    if (backend?.$case !== 'bridge') yield violation(`${field}.backend`, 'is required: a bridge of the node');
    else if (!interfaceNameForm.test(backend.value.bridge))
      yield violation(`${field}.bridge.bridge`, `must be the name of a bridge of the node: ${interfaceNameRule}`);
    yield* mac(macAddress, field);
    yield* unique(macs, macAddress, index, `${field}.mac_address`);
    if (mtuBytes !== 0 && (mtuBytes < 68 || mtuBytes > 65_535)) yield violation(`${field}.mtu_bytes`, 'must be 68 to 65535, or left out');
    if (guest) yield* inGuest(guest, `${field}.guest`);
    if (mtuBytes > 0 && mtuBytes < leastIpv6Mtu && guest?.addresses.some(isIpv6))
      yield violation(`${field}.mtu_bytes`, `must be at least ${leastIpv6Mtu} for an IPv6 address`);
    yield* unique(names, guest?.name ?? '', index, `${field}.guest.name`);
  }
};

function* unique(seen: Map<string, number>, value: string, index: number, field: string): Generator<Violation> {
  const earlier = seen.get(value);
  if (earlier === undefined) seen.set(value, index);
  else yield violation(field, `is also that of interfaces[${earlier}]; leave it out to have one made`);
}

function* mac(address: string, field: string): Generator<Violation> {
  if (!macForm.test(address)) yield violation(`${field}.mac_address`, 'must be six hex bytes with colons, such as 00:16:3e:12:34:56');
  else if (Number.parseInt(address.slice(0, 2), 16) % 2 === 1 || address === '00:00:00:00:00:00')
    yield violation(`${field}.mac_address`, 'must be a unicast address: the first byte even, not all zero');
}

function* inGuest({ name, addresses, ipv4Gateway, ipv6Gateway }: GuestInterface, field: string): Generator<Violation> {
  if (!interfaceNameForm.test(name) || name === 'lo') yield violation(`${field}.name`, `must be ${interfaceNameRule}, and not lo`);
  if (addresses.length > 16) yield violation(`${field}.addresses`, `has ${addresses.length} entries; the most is 16`);
  for (const [index, address] of addresses.entries())
    if (!isPrefixed(address))
      yield violation(`${field}.addresses[${index}]`, 'must be an address with its prefix length, such as 192.0.2.10/24');
  if (ipv4Gateway !== '' && isIP(ipv4Gateway) !== 4) yield violation(`${field}.ipv4_gateway`, 'must be an IPv4 address');
  else if (ipv4Gateway !== '' && addresses.every(isIpv6))
    yield violation(`${field}.ipv4_gateway`, 'is reached from an IPv4 address; add one to addresses');
  if (ipv6Gateway !== '' && (isIP(ipv6Gateway) !== 6 || ipv6Gateway.includes('%')))
    yield violation(`${field}.ipv6_gateway`, 'must be an IPv6 address without a zone');
  else if (ipv6Gateway !== '' && !addresses.some(isIpv6))
    yield violation(`${field}.ipv6_gateway`, 'is reached from an IPv6 address; add one to addresses');
}

const isIpv6 = (address: string): boolean => address.includes(':');

function isPrefixed(text: string): boolean {
  const [, address = '', length = ''] = /^([0-9A-Fa-f.:]+)\/(\d{1,3})$/.exec(text) ?? [];
  const family = isIP(address);
  return family !== 0 && Number(length) <= (family === 4 ? 32 : 128);
}

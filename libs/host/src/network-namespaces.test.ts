import { expect, it } from 'vitest';
import { innerLines, parseAddresses, parseNeighbours } from './network-namespaces.ts';

it('the set-up of an interface is a batch in which nothing but names and addresses can stand', () => {
  expect(
    innerLines({ pid: 7, name: 'eth0', addresses: ['192.0.2.10/24', '2001:db8::10/64'], gateways: ['192.0.2.1', '2001:db8::1'] }),
  ).toEqual([
    'address replace 192.0.2.10/24 dev eth0',
    'address replace 2001:db8::10/64 dev eth0',
    'link set dev eth0 up',
    'route replace default via 192.0.2.1 dev eth0 onlink',
    '-6 route replace default via 2001:db8::1 dev eth0 onlink',
  ]);
  for (const addresses of [['192.0.2.1'], ['192.0.2.1/24\nlink del eth0'], ['x/24'], ['192.0.2.1/24 dev lo']])
    expect(() => innerLines({ pid: 1, name: 'a', addresses, gateways: [] })).toThrow(/not an address/);
  expect(() => innerLines({ pid: 1, name: 'a', addresses: [], gateways: ['192.0.2.1 dev lo'] })).toThrow(/not an address/);
});

it('what ip tells of interfaces and neighbours is read', () => {
  const told = JSON.stringify([
    { ifname: 'lo', address: '00:00:00:00:00:00', addr_info: [{ local: '127.0.0.1', prefixlen: 8 }] },
    { ifname: 'eth0', address: '52:54:00:00:00:01', addr_info: [] },
    {},
  ]);
  expect(parseAddresses(told)).toEqual([
    { name: 'lo', macAddress: '00:00:00:00:00:00', addresses: ['127.0.0.1/8'] },
    { name: 'eth0', macAddress: '52:54:00:00:00:01', addresses: [] },
  ]);
  expect(parseAddresses('')).toEqual([]);
  expect(parseNeighbours('[{"dst":"192.0.2.1","lladdr":"52:54:00:AA:00:01"},{"dst":"192.0.2.2","state":["FAILED"]}]')).toEqual([
    { address: '192.0.2.1', macAddress: '52:54:00:aa:00:01' },
  ]);
});

import { DomainGuestInfo, GuestAddresses } from '@virtmesh/contracts/domain/v1/guest';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { interfacesTold } from './addresses.ts';
import { infoTold } from './guest-info.ts';
import { bytesTold, int32Told, numberTold } from './reading.ts';

it.each([
  [1.9, 1, 1, 1n],
  [-7, -7, -7, 0n],
  [2 ** 31, 2 ** 31, 0, 2n ** 31n],
  [1e300, 0, 0, 0n],
  [Number.NaN, 0, 0, 0n],
  ['7', 0, 0, 0n],
])('a number that a guest tells, %s, is a whole one within bounds', (told, number, int32, bytes) => {
  expect([numberTold(told), int32Told(told), bytesTold(told)]).toEqual([number, int32, bytes]);
});

/** Whatever JSON can say, and numbers that no field has room for. */
const anything = fc.oneof(fc.jsonValue(), fc.constantFrom(1e300, -1e300, 2 ** 40, 0.5));
const record = (...keys: readonly string[]) => fc.oneof(fc.record(Object.fromEntries(keys.map((key) => [key, anything]))), anything);

it('what a guest says of itself can be told on, whatever it is', () => {
  const answers = fc.record({
    agent: record('version'),
    os: record('id', 'name', 'machine'),
    hostname: record('host-name'),
    timezone: record('zone', 'offset'),
    users: fc.array(record('user', 'domain', 'login-time')),
    filesystems: fc.array(record('mountpoint', 'name', 'type', 'total-bytes', 'used-bytes', 'disk')),
  });
  fc.assert(
    fc.property(answers, (each) => {
      DomainGuestInfo.encode(infoTold(each, () => undefined)).finish();
    }),
  );
});

it('what a guest says of its interfaces can be told on, whatever it is', () => {
  fc.assert(
    fc.property(fc.array(record('name', 'hardware-address', 'ip-addresses')), (answer) => {
      for (const each of interfacesTold(answer, { interfaces: [] })) GuestAddresses.encode(each).finish();
    }),
  );
});

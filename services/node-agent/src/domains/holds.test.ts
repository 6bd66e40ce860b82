import type { DriverEvent } from '@virtmesh/driver-spi';
import { expect, test } from 'vitest';
import { type Cause, noCause } from './model/cause.ts';
import { Holds } from './holds.ts';

const causeOf = (operation: string): Cause => ({ ...noCause, operation });
const reboot = (uid = 'a'): DriverEvent => ({ t: 'reboot', uid, byGuest: true });
const exited = (uid = 'a'): DriverEvent => ({ t: 'exited', uid, how: 'destroyed', message: '' });

function holds() {
  const released: string[] = [];
  return { released, holds: new Holds((event, cause) => released.push(`${event.t}:${cause.operation}`)) };
}

test('events of a held domain come with the end of its last hold, in order, each with whose doing it is', () => {
  const { holds: held, released } = holds();
  expect(held.take(reboot())).toBe(false);
  const first = held.hold('a');
  const second = held.hold('a', { cause: causeOf('destroy'), types: new Set(['exited']) });
  expect([held.take(reboot()), held.take(exited()), held.take(reboot('b'))]).toEqual([true, true, false]);
  second[Symbol.dispose]();
  second[Symbol.dispose]();
  expect(released).toEqual([]);
  first[Symbol.dispose]();
  expect(released).toEqual(['reboot:', 'exited:destroy']);
  expect(held.take(reboot())).toBe(false);
});

test('what is dropped does not come', () => {
  const { holds: held, released } = holds();
  const hold = held.hold('a');
  held.take(exited());
  held.drop('a');
  held.drop('b');
  held.take(reboot(), causeOf('x'));
  hold[Symbol.dispose]();
  expect(released).toEqual(['reboot:x']);
});

test('not more waits than has room, and an end is never among what goes', () => {
  const { holds: held, released } = holds();
  const hold = held.hold('a');
  held.take(exited());
  for (let round = 0; round < 1_000; round += 1) held.take(reboot());
  hold[Symbol.dispose]();
  expect([released.length, released[0]]).toEqual([256, 'exited:']);
});

test('of ends none goes, also where nothing else waits', () => {
  const { holds: held, released } = holds();
  const hold = held.hold('a');
  for (let round = 0; round < 300; round += 1) held.take(exited(), causeOf(String(round)));
  hold[Symbol.dispose]();
  expect([released.length, released.at(-1)]).toEqual([300, 'exited:299']);
});

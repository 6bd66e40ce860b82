import { expect, test } from 'vitest';
import { GuestTable } from './guest-table.ts';

const ref = { uid: '6f1c5f0e-5d51-4c2b-9d5e-0b7c1a2d3e4f', id: 'web-1' };
const refused = expect.objectContaining({ reason: 'STATE_INVALID' });

const start = () => ({
  dropped: 0,
  preempt: async () => {},
  drop: function () {
    this.dropped += 1;
  },
});
const follow = () => ({
  ref,
  isGone: false,
  dropped: 0,
  drop: function () {
    this.dropped += 1;
  },
});

test('a guest runs from the end of its start until it is gone', () => {
  const table = new GuestTable<ReturnType<typeof follow>>();
  expect(() => table.running(ref)).toThrow(
    expect.objectContaining({ reason: 'STATE_INVALID', metadata: { uid: ref.uid, state: 'shutoff', allowed: 'running' } }),
  );
  table.begin(ref, start());
  expect(() => table.running(ref)).toThrow(expect.objectContaining({ metadata: { uid: ref.uid, state: 'starting', allowed: 'running' } }));
  expect(table.byId(ref.id)).toBeUndefined();
  const guest = follow();
  table.follow(guest);
  expect(table.running(ref)).toBe(guest);
  expect(table.byId(ref.id)).toBe(guest);
  guest.isGone = true;
  expect(() => table.running(ref)).toThrow(refused);
  expect(table.byId(ref.id)).toBeUndefined();
  // What it took was not given back yet.
  expect(() => table.begin(ref, start())).toThrow(refused);
  table.delete(ref.uid);
  table.begin(ref, start());
});

test('only the start that began is taken back', () => {
  const table = new GuestTable<ReturnType<typeof follow>>();
  const [first, second] = [start(), start()];
  table.begin(ref, first);
  expect(() => table.begin(ref, second)).toThrow(refused);
  expect(table.takeBack(ref, second)).toBe(false);
  expect(table.get(ref.uid)).toEqual({ t: 'starting', start: first });
  expect(table.takeBack(ref, first)).toBe(true);
  expect(table.takeBack(ref, first)).toBe(false);
  table.follow(follow());
  expect(table.takeBack(ref, first)).toBe(false);
  expect(table.get(ref.uid)?.t).toBe('live');
});

test('all are let go of, guests and starts', () => {
  const table = new GuestTable<ReturnType<typeof follow>>();
  const [begun, guest] = [start(), follow()];
  table.begin({ uid: 'a0000000-0000-4000-8000-000000000000', id: 'other' }, begun);
  table.follow(guest);
  table.dropAll();
  expect([begun.dropped, guest.dropped]).toEqual([1, 1]);
});

import { Fault } from '@virtmesh/base';
import { Duration } from '@virtmesh/contracts/google/protobuf/duration';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkDuration, durationFromMs, durationToMs } from './duration.ts';
import { pageSize, paginate } from './page.ts';
import { checkRequestId } from './request-id.ts';
import { waitMs } from './wait.ts';

const seconds = (value: number): Duration => durationFromMs(value * 1000);

test('milliseconds and durations are the same', () => {
  fc.assert(
    fc.property(fc.integer({ min: -1e12, max: 1e12 }), (ms) => {
      const duration = durationFromMs(ms);
      expect(durationToMs(duration)).toBe(ms);
      expect(Math.sign(duration.nanos) * Math.sign(Number(duration.seconds))).toBeGreaterThanOrEqual(0);
    }),
  );
  expect(durationFromMs(0.5)).toEqual(Duration.fromPartial({ nanos: 500_000 }));
});

test('a duration out of its range is refused by field', () => {
  const rule = { field: 'guest_timeout', defaultMs: 500, minMs: 1, maxMs: 30_000 };
  expect(checkDuration(undefined, rule)).toBe(500);
  expect(checkDuration(seconds(30), rule)).toBe(30_000);
  for (const bad of [seconds(-1), seconds(0), seconds(31)]) {
    expect(thrownBy(() => checkDuration(bad, rule))).toMatchObject({ reason: 'REQUEST_INVALID', violations: [{ field: 'guest_timeout' }] });
  }
});

test('a duration whose parts contradict each other is refused', () => {
  const rule = { field: 'grace', defaultMs: 500, maxMs: 30_000 };
  const parts = (wholeSeconds: bigint, nanos: number): Duration => Duration.fromPartial({ seconds: wholeSeconds, nanos });
  expect(checkDuration(parts(1n, 1), rule)).toBe(1001);
  for (const bad of [parts(5n, -1), parts(-5n, 1), parts(5n, 1_000_000_000), parts(5n, -2_147_483_648), parts(0n, 2_147_483_647)]) {
    expect(thrownBy(() => checkDuration(bad, rule))).toMatchObject({
      reason: 'REQUEST_INVALID',
      violations: [{ field: 'grace', description: expect.stringContaining('must have nanos') }],
    });
  }
});

test('a wait is ten seconds if absent, and never past the deadline', () => {
  const now = new Date('2026-01-01T00:00:00Z');
  const clock = { now: () => now, monotonicMs: () => 0 };
  const within = (ms: number): { deadline: Date } => ({ deadline: new Date(now.getTime() + ms) });
  expect(waitMs(undefined, { deadline: undefined }, { clock })).toBe(10_000);
  expect(waitMs(undefined, within(60_000), { clock })).toBe(10_000);
  expect(waitMs(undefined, within(3_000), { clock })).toBe(2_750);
  expect(waitMs(seconds(0), within(3_000), { clock })).toBe(0);
  expect(waitMs(seconds(600), within(3_000), { clock })).toBe(2_750);
  expect(waitMs(undefined, within(100), { clock })).toBe(75);
  expect(waitMs(undefined, within(-5), { clock })).toBe(0);
  expect(waitMs(undefined, within(20_000), { clock, defaultMs: Infinity })).toBe(19_750);
  expect(waitMs(undefined, { deadline: undefined }, { clock, defaultMs: Infinity })).toBeLessThanOrEqual(24 * 3_600_000);
  expect(thrownBy(() => waitMs(seconds(-1), within(1000), { clock }))).toMatchObject({
    reason: 'REQUEST_INVALID',
    violations: [{ field: 'wait' }],
  });
});

test('a page size is coerced, a negative one refused', () => {
  expect([0, 1, 1000, 5000].map((size) => pageSize(size))).toEqual([100, 1, 1000, 1000]);
  expect(thrownBy(() => pageSize(-1))).toMatchObject({ reason: 'REQUEST_INVALID', violations: [{ field: 'page_size' }] });
});

test('pages hold every item once, in order, whatever comes and goes between them', () => {
  const keys = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 6 }), { maxLength: 60 });
  fc.assert(
    fc.property(keys, keys, fc.integer({ min: 1, max: 7 }), (stable, passing, size) => {
      const kept = new Set(stable);
      const coming = passing.filter((key) => !kept.has(key));
      const seen: string[] = [];
      let token = '';
      for (let page = 0; ; page += 1) {
        // Other items are there on every second page only.
        const items = [...stable, ...(page % 2 === 0 ? coming : [])].toSorted((a, b) => (a < b ? -1 : 1));
        const answer = paginate({ items, pageSize: size, pageToken: token, tag: 't', scope: { a: 1n }, keyOf: (item) => item });
        expect(answer.items.length).toBeLessThanOrEqual(size);
        seen.push(...answer.items);
        token = answer.nextPageToken;
        if (token === '') break;
      }
      expect(seen).toEqual(seen.toSorted((a, b) => (a < b ? -1 : 1)));
      expect(seen.filter((key) => kept.has(key)).toSorted()).toEqual(stable.toSorted());
      expect(new Set(seen).size).toBe(seen.length);
    }),
  );
});

test('a list in another order is paged in that order', () => {
  const compare = (a: string, b: string): number => (a < b ? 1 : a > b ? -1 : 0);
  const list = (pageToken: string): { items: readonly string[]; nextPageToken: string } =>
    paginate({ items: ['c', 'b', 'a'], pageSize: 2, pageToken, tag: 't', scope: '', keyOf: (item) => item, compare });
  const first = list('');
  expect(first.items).toEqual(['c', 'b']);
  expect(list(first.nextPageToken)).toMatchObject({ items: ['a'], nextPageToken: '' });
});

test('all pages of a list have the resume token of its first', () => {
  let asked = 0;
  const page = (pageToken: string): ReturnType<typeof paginate<string>> =>
    paginate({
      items: ['a', 'b', 'c'],
      pageSize: 1,
      pageToken,
      tag: 't',
      scope: '',
      keyOf: (item) => item,
      resumeToken: () => `${++asked}`,
    });
  const first = page('');
  const second = page(first.nextPageToken);
  const third = page(second.nextPageToken);
  expect([first, second, third].map(({ items, resumeToken }) => [...items, resumeToken])).toEqual([
    ['a', '1'],
    ['b', '1'],
    ['c', '1'],
  ]);
  expect(third.nextPageToken).toBe('');
  expect(page('').resumeToken).toBe('2');
});

test('a token is good for its own list only', () => {
  const page = (tag: string, scope: unknown, pageToken = ''): { nextPageToken: string } =>
    paginate({ items: ['a', 'b'], pageSize: 1, pageToken, tag, scope, keyOf: (item) => item });
  const token = page('domains', { parent: 'nodes/n1' }).nextPageToken;
  expect(page('domains', { parent: 'nodes/n1' }, token).nextPageToken).toBe('');
  for (const wrong of [
    () => page('nodes', { parent: 'nodes/n1' }, token),
    () => page('domains', { parent: 'nodes/n2' }, token),
    () => page('domains', {}, 'garbage'),
    () => page('domains', {}, `${token}x`),
  ]) {
    expect(thrownBy(wrong)).toMatchObject({ reason: 'TOKEN_INVALID', violations: [{ field: 'page_token' }] });
  }
});

test('a request id is a UUID or absent', () => {
  expect(checkRequestId('')).toBeUndefined();
  expect(checkRequestId('0190F5E4-7C1B-7CC3-98C4-DC0C0C07398F')).toBe('0190f5e4-7c1b-7cc3-98c4-dc0c0c07398f');
  for (const bad of ['x', '0190f5e4', '0190f5e4-7c1b-7cc3-98c4-dc0c0c07398f\n', 'x'.repeat(10_000)]) {
    const fault = thrownBy(() => checkRequestId(bad));
    expect(fault).toMatchObject({ reason: 'REQUEST_INVALID', violations: [{ field: 'request_id' }] });
    expect(fault.message.length).toBeLessThan(300);
  }
});

function thrownBy(action: () => unknown): Fault {
  try {
    action();
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown;
  }
  throw new Error('no fault was thrown');
}

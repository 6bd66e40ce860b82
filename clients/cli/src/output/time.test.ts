import { expect, test } from 'vitest';
import { age, moment, parseDuration, spent } from './time.ts';

const now = Date.parse('2026-11-21T12:00:00Z');

test.each([
  [0, '0s'],
  [119, '119s'],
  [120, '2m'],
  [7_199, '119m'],
  [7_200, '2h'],
  [47 * 3_600, '47h'],
  [48 * 3_600, '2d'],
  [3 * 365 * 86_400, '3y'],
  [-5, '0s'],
])('%d seconds ago is %s', (seconds, text) => {
  expect(age(new Date(now - seconds * 1000), now)).toBe(text);
});

test('no time is nothing', () => {
  expect(age(undefined, now)).toBe('');
  expect(moment(undefined)).toBe('');
  expect(moment(new Date(now + 5))).toBe('2026-11-21T12:00:00Z');
});

test.each([
  ['90', 90_000],
  ['500ms', 500],
  ['1.5s', 1_500],
  ['5m', 300_000],
  ['1h', 3_600_000],
  ['1d', 86_400_000],
  ['25d', undefined],
  ['', undefined],
  ['5 m', undefined],
  ['-1s', undefined],
  ['soon', undefined],
])('the time %j is %s ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test('CPU time in seconds, then in hours', () => {
  expect(spent(12_345_000_000n)).toBe('12.3s');
  expect(spent(3_725_000_000_000n)).toBe('1h02m');
});

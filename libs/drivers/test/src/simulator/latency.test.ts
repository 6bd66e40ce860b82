import { expect, test } from 'vitest';
import type { Latency } from '../protocol/settings.ts';
import { LatencyTable } from './latency.ts';
import { Random } from './random.ts';

const samples = (latency: Latency, seed = 1): number[] => {
  const table = new LatencyTable({ create: latency }, new Random(seed));
  return Array.from({ length: 10_000 }, () => table.ofVerb('create'));
};
const mean = (values: readonly number[]): number => values.reduce((all, each) => all + each, 0) / values.length;

test.each<[string, Latency, number]>([
  ['constant', { t: 'constant', ms: 7 }, 7],
  ['uniform', { t: 'uniform', minMs: 10, maxMs: 30 }, 20],
  ['normal', { t: 'normal', meanMs: 100, deviationMs: 10 }, 100],
  ['exponential', { t: 'exponential', meanMs: 50 }, 50],
])('a %s latency has its mean and is never below 0', (_, latency, expected) => {
  const drawn = samples(latency);
  expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
  expect(Math.abs(mean(drawn) - expected)).toBeLessThan(expected * 0.05);
});

test('the same seed draws the same, and another one others', () => {
  const latency: Latency = { t: 'normal', meanMs: 100, deviationMs: 10 };
  expect(samples(latency, 5)).toEqual(samples(latency, 5));
  expect(samples(latency, 5)).not.toEqual(samples(latency, 6));
});

test('verbs without a latency of their own have the default, guests have none', () => {
  const table = new LatencyTable({ default: { t: 'constant', ms: 3 } }, new Random(1));
  expect(table.ofVerb('suspend')).toBe(3);
  expect(table.ofGuest('boot')).toBe(0);
  table.set({ boot: { t: 'constant', ms: 9 } });
  expect(table.ofGuest('boot')).toBe(9);
  expect(table.ofVerb('suspend')).toBe(3);
});

import { expect, test } from 'vitest';
import { didYouMean, nearest } from './nearest.ts';

const known = ['size_bytes', 'current_bytes', 'balloon', 'bus', 'format', 'error_policy'];

test.each([
  ['buss', ['bus']],
  ['sub', []],
  ['ubs', ['bus']],
  ['baloon', ['balloon']],
  ['size', ['size_bytes']],
  ['sizeBytes', ['size_bytes']],
  ['errorpolicy', ['error_policy']],
  ['zzz', []],
  ['', []],
])('%j is near %j', (text, expected) => {
  expect(nearest(text, known)).toEqual(expected);
});

test('a very long word costs no time and is near nothing', () => {
  expect(nearest('x'.repeat(1_000_000), known)).toEqual([]);
});

test('the words of a suggestion', () => {
  expect(didYouMean('webb', ['web', 'web2', 'db'])).toBe('; did you mean web or web2?');
  expect(didYouMean('nothing-near', ['web'])).toBe('');
});

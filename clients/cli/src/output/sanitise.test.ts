import fc from 'fast-check';
import { expect, test } from 'vitest';
import { oneLine, safeLines } from './sanitise.ts';

test.each([
  ['plain', 'plain'],
  ['ünïcödé 漢字 🖥️', 'ünïcödé 漢字 🖥️'],
  ['\u001b[31mred\u001b[0m', '\\x1b[31mred\\x1b[0m'],
  ['a\nb\r\tc', 'a\\nb\\r\\tc'],
  ['\u009b31m', '\\x9b31m'],
  ['\u202eevil', '\\u202eevil'],
  ['\u007f\u0000', '\\x7f\\x00'],
  ['\ud800', '\\ud800'],
])('%j is shown as %j', (text, shown) => {
  expect(oneLine(text)).toBe(shown);
});

test('whatever the text, no control character comes through, and harmless text is kept', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(oneLine(text)).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
    }),
  );
  fc.assert(
    fc.property(fc.stringMatching(/^[\p{L}\p{N} .,:;-]*$/u), (text) => {
      expect(oneLine(text)).toBe(text);
    }),
  );
});

test('lines stay lines, each of them safe', () => {
  expect(safeLines('a\u001b\r\nb\n\n')).toEqual(['a\\x1b', 'b']);
});

import { expect, test } from 'vitest';
import { escapeByte, keyName } from './escape-key.ts';

test.each([
  ['^]', 0x1d],
  ['^A', 0x01],
  ['^a', 0x01],
  ['^[', 0x1b],
  ['~', 0x7e],
  ['^', 0x5e],
])('%s is byte %d', (text, byte) => {
  expect(escapeByte(text)).toBe(byte);
});

test.each(['', 'ab', '^1', 'é', '\n', '^^^'])('%j is no key', (text) => {
  expect(() => escapeByte(text)).toThrow('must be one key');
});

test('keys for people', () => {
  expect([keyName('^]'), keyName('^a'), keyName('~')]).toEqual(['Ctrl-]', 'Ctrl-A', '~']);
});

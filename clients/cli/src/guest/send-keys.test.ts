import { expect, test } from 'vitest';
import { holdTime } from './hold-time.ts';
import { keysOf } from './keys.ts';

test.each([
  [['ctrl-alt-del'], ['KEY_LEFTCTRL', 'KEY_LEFTALT', 'KEY_DELETE']],
  [['Ctrl+Alt+F2'], ['KEY_LEFTCTRL', 'KEY_LEFTALT', 'KEY_F2']],
  [
    ['KEY_LEFTCTRL', 'key_c'],
    ['KEY_LEFTCTRL', 'KEY_C'],
  ],
  [['enter'], ['KEY_ENTER']],
  [
    ['return', 'pgdn', '7'],
    ['KEY_ENTER', 'KEY_PAGEDOWN', 'KEY_7'],
  ],
])('%j', (words, keys) => {
  expect(keysOf(words)).toEqual(keys);
});

test.each([[['ctrl-']], [['']], [['a b']], [['\u001b']], [['KEY_A;']], [Array.from({ length: 17 }, () => 'a')]])(
  '%j is refused',
  (words) => {
    expect(() => keysOf(words)).toThrow(/is no key|pressed together at most/);
  },
);

test('how long they are held', () => {
  expect(holdTime('200')).toBe(200);
  expect(holdTime('1.5s')).toBe(1500);
  for (const text of ['0', '11s', 'x', '-1']) expect(() => holdTime(text)).toThrow('must be a time from 1 ms to 10 s');
});

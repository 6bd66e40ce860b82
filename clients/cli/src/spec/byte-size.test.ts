import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UsageError } from '../usage-error.ts';
import { binarySize, parseByteSize } from './byte-size.ts';

test.each([
  ['0', 0n],
  ['1024', 1024n],
  ['256MiB', 268_435_456n],
  ['1 GiB', 1_073_741_824n],
  ['1.5GiB', 1_610_612_736n],
  ['10GB', 10_000_000_000n],
  ['1kib', 1024n],
  ['5B', 5n],
  ['0.5KiB', 512n],
])('%s is %d bytes', (text, bytes) => {
  expect(parseByteSize(text)).toBe(bytes);
});

test.each(['', '1M', '2g', '-1', '1.0000000001KiB', 'MiB', '1 MiB x', '1e3', '0x10', '1MIBS', '99999999999999999999', '1.'])(
  '%j is refused',
  (text) => {
    expect(() => parseByteSize(text)).toThrow(UsageError);
  },
);

test('a size with a unit reads back as what it was', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 50n }), (bytes) => {
      const text = binarySize(bytes);
      if (text === undefined) expect(bytes === 0n || bytes % 1_048_576n !== 0n).toBe(true);
      else expect(parseByteSize(text)).toBe(bytes);
    }),
  );
});

test('a negative number is no size with a unit', () => {
  expect(binarySize(-1_048_576n)).toBeUndefined();
});

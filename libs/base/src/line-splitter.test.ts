import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter } from './line-splitter.ts';

const line = fc
  .string({ unit: 'binary', maxLength: 60 })
  .map((text) => text.replaceAll(/[\r\n]/g, '').trim())
  .filter((text) => text !== '');

describe('lines of a byte stream', () => {
  it('are the same wherever its chunks end, inside of characters too', () => {
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 20 }),
        fc.array(fc.nat({ max: 50 }), { maxLength: 40 }),
        fc.constantFrom('\n', '\r\n', '\n\n'),
        (lines, cuts, ending) => {
          const bytes = Buffer.from(lines.map((text) => text + ending).join(''));
          const splitter = new LineSplitter(10_000);
          const got: string[] = [];
          let at = 0;
          for (const cut of cuts) {
            got.push(...splitter.push(bytes.subarray(at, at + cut)));
            at += cut;
          }
          got.push(...splitter.push(bytes.subarray(at)));
          expect(got).toEqual(lines);
        },
      ),
    );
  });

  it('has a bound, whether or not a line ends', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 400 }), { minLength: 5, maxLength: 20 }), (sizes) => {
        const splitter = new LineSplitter(1000);
        const push = (): void => {
          for (const size of sizes) splitter.push(Buffer.alloc(size, 'x'));
        };
        if (sizes.reduce((sum, size) => sum + size, 0) > 1000) expect(push).toThrow(RangeError);
        else expect(push).not.toThrow();
      }),
    );
    expect(() => new LineSplitter(10).push(Buffer.from(`${'x'.repeat(11)}\n`))).toThrow(RangeError);
    expect(new LineSplitter(10).push(Buffer.from(`${'x'.repeat(10)}\nyy\n`))).toEqual(['x'.repeat(10), 'yy']);
  });
});

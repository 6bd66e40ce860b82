import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NameIndex } from './name-index.ts';

test('it holds what a map would, in order', () => {
  const steps = fc.array(fc.record({ name: fc.string({ maxLength: 3 }), value: fc.option(fc.nat()) }), { maxLength: 60 });
  fc.assert(
    fc.property(steps, (all) => {
      const index = new NameIndex<number>();
      const map = new Map<string, number>();
      for (const { name, value } of all) {
        if (value === null) {
          index.delete(name);
          map.delete(name);
        } else {
          index.set(name, value);
          map.set(name, value);
        }
        expect(index.get(name)).toBe(map.get(name));
      }
      const inOrder = [...map].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
      expect(index.sorted).toEqual(inOrder);
    }),
  );
});

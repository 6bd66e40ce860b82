import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { toJson, toYaml } from './serialise.ts';

const hostile = /[^\P{Cc}\n]|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
    fc.integer(),
    fc.boolean(),
    fc.array(tie('value')),
    fc.dictionary(fc.string(), tie('value')).map((map) => ({ ...map })),
  ),
})).value;

test('JSON and YAML carry any value, and nothing that a terminal obeys', async () => {
  await fc.assert(
    fc.asyncProperty(values, async (value) => {
      const json = toJson({ value });
      expect(json.replaceAll('\n', '')).not.toMatch(hostile);
      expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify({ value })));
      const yaml = await toYaml({ value });
      expect(yaml).not.toMatch(hostile);
      expect(parse(yaml)).toEqual(JSON.parse(JSON.stringify({ value })));
    }),
    { numRuns: 100 },
  );
});

test('YAML is quoted so that older readers take texts for texts', async () => {
  expect(await toYaml({ a: 'yes', b: 'on', c: '012', d: 12n })).toBe('a: "yes"\nb: "on"\nc: "012"\nd: 12\n');
});

test('one line of JSON', () => {
  expect(toJson({ a: [1] }, 0)).toBe('{"a":[1]}\n');
});

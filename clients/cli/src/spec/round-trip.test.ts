import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';
import { Fault } from '@virtmesh/base';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toJson, toYaml } from '../output/serialise.ts';
import { writtenForm } from './print.ts';
import { readDocuments } from './read-documents.ts';
import type { JsonObject, JsonValue } from './reading.ts';
import { loadDomainSchema } from './schema.ts';

const schema = loadDomainSchema();

const scalars: Readonly<Partial<Record<ScalarType, fc.Arbitrary<JsonValue>>>> = {
  [ScalarType.STRING]: fc
    .oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('123', 'yes', 'null', '~', '0x1f', '- a', 'a: b', '#', '', ' x ', '1MiB', 'line\nline\n'),
    )
    .map((text) => text.toWellFormed()),
  [ScalarType.BOOL]: fc.boolean(),
  [ScalarType.INT32]: fc.integer(),
  [ScalarType.INT64]: fc
    .oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.nat().map((mebibytes) => BigInt(mebibytes) << 20n),
    )
    .map(String),
};

/** Anything that a field of the contract can hold, as JSON. */
function singles(field: DescField): fc.Arbitrary<JsonValue> {
  if (field.message) return messages(field.message);
  if (field.enum) return fc.constantFrom(...field.enum.values.filter((value) => value.number !== 0).map((value) => value.name));
  const scalar = field.scalar === undefined ? undefined : scalars[field.scalar];
  if (scalar === undefined) throw new Error(`no values for ${field.toString()}`);
  return scalar;
}

function values(field: DescField): fc.Arbitrary<JsonValue> {
  if (field.fieldKind === 'list') return fc.array(singles(field), { maxLength: 3 });
  if (field.fieldKind === 'map')
    return fc
      .dictionary(
        fc.string({ minLength: 1 }).filter((key) => key !== '__proto__' && key.isWellFormed()),
        singles(field),
        { maxKeys: 3 },
      )
      .map((map) => ({ ...map }));
  return singles(field);
}

function messages(type: DescMessage): fc.Arbitrary<JsonObject> {
  const fields = type.fields.map((field) => values(field).map((value) => [field, value] as const));
  return fc
    .subarray(fields)
    .chain((some) => fc.tuple(...some))
    .map((pairs) => {
      const json: JsonObject = {};
      const chosen = new Set<string>();
      for (const [field, value] of pairs) {
        if (field.oneof && chosen.has(field.oneof.name)) continue;
        if (field.oneof) chosen.add(field.oneof.name);
        json[field.jsonName] = value;
      }
      return json;
    });
}

const specs = messages(schema.spec).map((json) => DomainSpec.fromJSON(json));
const asBytes = (spec: DomainSpec | undefined): string =>
  Buffer.from(DomainSpec.encode(spec ?? DomainSpec.fromPartial({})).finish()).toString('hex');

test('what dumpspec prints is read back as the same definition', async () => {
  await fc.assert(
    fc.asyncProperty(specs, async (spec) => {
      const written = await toYaml({ name: 'web', spec: writtenForm(DomainSpec.toJSON(spec) as JsonObject, schema.spec) });
      expect(asBytes(readDocuments({ file: 'f', text: written }, schema)[0]?.spec)).toBe(asBytes(spec));
    }),
    { numRuns: 80 },
  );
});

test('what -o json and -o yaml print is read back as the same definition', async () => {
  await fc.assert(
    fc.asyncProperty(specs, async (spec) => {
      const answer = {
        name: 'nodes/n1/domains/web',
        uid: '0190f5c2-1c4e-7c55-b5d0-3f6f0e9b7a11',
        etag: '1',
        spec: DomainSpec.toJSON(spec),
      };
      for (const text of [toJson(answer), await toYaml(answer)]) {
        expect(asBytes(readDocuments({ file: 'f', text }, schema)[0]?.spec)).toBe(asBytes(spec));
      }
    }),
    { numRuns: 80 },
  );
});

test('a field that is not there is found where it stands, wherever it is put', async () => {
  await fc.assert(
    fc.asyncProperty(specs, fc.nat(), async (spec, pick) => {
      const written = await toYaml({ name: 'web', spec: writtenForm(DomainSpec.toJSON(spec) as JsonObject, schema.spec) });
      // A line of a block mapping, before which another of the same depth can stand.
      const lines = written.split('\n');
      const places = lines.flatMap((line, index) => (index > 1 && /^ {2}[a-z_]+:/.test(line) ? [index] : []));
      const at = places[pick % Math.max(1, places.length)];
      if (at === undefined) return;
      const text = lines.toSpliced(at, 0, '  zzyzx: 1').join('\n');
      const expected = `f:${at + 1}:3: spec.zzyzx`;
      try {
        readDocuments({ file: 'f', text }, schema);
        expect.unreachable();
      } catch (thrown) {
        if (!(thrown instanceof Fault)) throw thrown;
        expect(thrown.violations.map(({ field }) => field)).toContain(expected);
      }
    }),
    { numRuns: 80 },
  );
});

test('whatever is in the file, it is read or refused with places in it, and never breaks', () => {
  const pieces = fc.constantFrom(
    'name: web\n',
    'spec:\n',
    '  disks:\n',
    '  - bus: virtio\n',
    '  memory: {',
    'size_bytes: 1',
    '}',
    '\n',
    '&a ',
    '*a',
    '[',
    '---\n',
    '!!int ',
    '"',
    "'",
    '|',
    '\t',
    '? ',
    ': ',
    '<<: ',
    '{}',
    '\u0000',
    '%',
    'labels: {a: b}',
  );
  fc.assert(
    fc.property(
      fc.array(pieces, { maxLength: 25 }).map((parts) => parts.join('')),
      (text) => {
        try {
          readDocuments({ file: 'f', text }, schema);
        } catch (thrown) {
          if (!(thrown instanceof Fault)) throw thrown;
          const lines = text.split('\n').length;
          for (const { field } of thrown.violations) {
            const [, line, column] = /^f:(\d+):(\d+)/.exec(field) ?? [];
            expect(Number(line)).toBeGreaterThanOrEqual(1);
            expect(Number(line)).toBeLessThanOrEqual(lines);
            expect(Number(column)).toBeGreaterThanOrEqual(1);
          }
        }
      },
    ),
    { numRuns: 1000 },
  );
});

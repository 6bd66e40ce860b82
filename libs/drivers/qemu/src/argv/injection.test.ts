import { Fault } from '@virtmesh/base';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { genericViolations, type SetField, setFields } from '@virtmesh/driver-spi';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { validate } from '../spec/validate/validate.ts';
import { changeField } from '../testing/change-field.ts';
import { type Golden, goldens } from '../testing/goldens.ts';
import { launchOf } from '../testing/launch.ts';
import { parseArgv } from '../testing/parse-argv.ts';
import { recordedBinary } from '../testing/recorded.ts';
import { buildArgv } from './build-argv.ts';

const images = '/var/lib/virtmesh/images';

/** Text that means something to a parser on its way: commas, quotes, options, escapes, ends of lines, no text at all. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
  fc
    .array(
      fc.constantFrom(
        ',',
        ',,',
        '=',
        '"',
        '\\',
        "'",
        '{',
        '}',
        '%s',
        '$(id)',
        '`',
        '-device',
        'id=x',
        'on',
        '\n',
        '\0',
        '..',
        '/',
        ' ',
        'a',
        'json:',
        'nbd://h',
        '|',
        ';',
        'ü',
        '\ud800',
      ),
      { minLength: 1, maxLength: 8 },
    )
    .map((parts) => parts.join('')),
  fc.constantFrom(',id=evil', 'x,server=on', '-S', '"},"driver":"x', 'exec:sh', '/dev/fd/0', 'off,dump-guest-core=on'),
);
const anyText = fc.oneof(
  hostile,
  hostile.map((text) => `${images}/${text}`),
  hostile.map((text) => `a${text}`),
);

/** The keys whose values are made from ids, or from hashes of them. */
const derived = /node-name$|drive$|file$|mac$/;

const textFields = goldens.flatMap((golden) =>
  setFields(golden.spec).flatMap((field) =>
    field.leaf && typeof field.value === 'string' && !field.field.startsWith('qemu.') ? [[golden, field] as const] : [],
  ),
);

test('the golden definitions have texts to attack', () => {
  expect(new Set(textFields.map(([, { field }]) => field)).size).toBeGreaterThan(15);
});

test('a text from a definition is refused, or arrives as one value of the same command line', () => {
  const plain = new Map(goldens.map((golden) => [golden.name, launchedValues(golden.spec, golden)]));
  let arrived = 0;
  fc.assert(
    fc.property(fc.constantFrom(...textFields), anyText, ([golden, field], text) => {
      const before = plain.get(golden.name) ?? [];
      const attacked = attackedValues(golden, field, text);
      if (attacked === undefined) return;
      arrived += 1;
      expect(attacked.map(({ key }) => key)).toEqual(before.map(({ key }) => key));
      for (const [index, { key, value }] of attacked.entries()) {
        if (value !== before[index]?.value && !derived.test(key))
          expect(value).toContain(field.field === 'interfaces.mac_address' ? text.toLowerCase() : text);
      }
    }),
    { numRuns: 1500 },
  );
  // Most is refused; what is not must be enough to mean something.
  expect(arrived).toBeGreaterThan(100);
});

test('a file with an awkward name is accepted, so that the property above is not empty', () => {
  fc.assert(
    fc.property(
      hostile.filter((text) => /^[^/\p{Cc}]+$/u.test(text) && text.isWellFormed() && text !== '.' && text !== '..'),
      (text) => {
        const path = `${images}/${text}`;
        const spec = DomainSpec.fromPartial({
          hypervisor: 'qemu',
          memory: { sizeBytes: 1n << 27n },
          disks: [{ source: { source: { $case: 'filePath', value: path } } }],
        });
        const launch = launchOf(spec);
        expect(
          validate(launch.spec, { binary: recordedBinary, accelerators: { usable: [], why: {} }, pathRoots: [images] }).filter(
            ({ field }) => field !== 'accelerator',
          ),
        ).toEqual([]);
        expect(
          parseArgv(buildArgv(launch))
            .filter(({ key }) => key.endsWith(' filename'))
            .map(({ value }) => value),
        ).toEqual([path]);
      },
    ),
  );
});

test('a raw argument is one argument, whatever is in it', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary', minLength: 1 }), { maxLength: 5 }), (args) => {
      const spec = DomainSpec.fromPartial({ hypervisor: 'qemu', memory: { sizeBytes: 1n << 27n } });
      const plain = buildArgv(launchOf(spec));
      spec.qemu = { args };
      expect(buildArgv(launchOf(spec))).toEqual([...plain, ...args]);
    }),
  );
});

function attackedValues(golden: Golden, field: SetField, text: string): ReturnType<typeof parseArgv> | undefined {
  const spec = DomainSpec.fromPartial(golden.spec);
  changeField(spec, field.path, () => text);
  try {
    return launchedValues(spec, golden);
  } catch (thrown) {
    if (Fault.is(thrown, 'SPEC_INVALID', 'HOST_INCOMPATIBLE')) return undefined;
    throw thrown;
  }
}

/** As the agent does it: completed, checked, and only then put on a command line. */
function launchedValues(spec: DomainSpec, { accelerators }: Golden): ReturnType<typeof parseArgv> {
  const launch = launchOf(spec, { accelerators });
  const violations = [
    ...genericViolations(launch.spec),
    ...validate(launch.spec, { binary: recordedBinary, accelerators, pathRoots: [images] }),
  ];
  if (violations.length > 0) throw Fault.ofViolations('SPEC_INVALID', 'the definition', violations);
  const argv = buildArgv(launch);
  return parseArgv(argv.slice(0, argv.length - (launch.spec.qemu?.args.length ?? 0)));
}

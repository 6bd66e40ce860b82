import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { genericViolations, refuseUndriven } from '@virtmesh/driver-spi';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { complete } from '../spec/complete/complete.ts';
import { drives } from '../spec/drives.ts';
import { validate } from '../spec/validate/validate.ts';
import { configInput, legacy, recordedPlaces, recordedProfile } from '../testing/config-input.ts';
import { goldenGuest, goldens, networkGoldens } from '../testing/goldens.ts';
import { buildConfig } from './build-config.ts';
import { renderConfig } from './config-line.ts';

/** What would make more of a value than a value, wherever it gets. */
const hostile = [
  '\nlxc.hook.pre-start = /bin/x',
  '\rlxc.hook.pre-start = /bin/x',
  'x\nlxc.rootfs.path = /',
  '\0',
  '"',
  "'",
  '" "',
  '\\',
  '#',
  ' ',
  '\t',
  ',suid',
  'x none bind 0 0',
  '../../../etc',
  '/srv/images/../../etc',
  '/etc',
  '--rcfile=/x',
  '-o',
  '$(id)',
  '%n',
  '\u{2028}',
  '\ud800',
];

/** The settings that LXC reads in a text: lines, blanks at their ends cut, one pair of quotes stripped. */
function settings(text: string): { key: string; value: string }[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.trimStart().startsWith('#'))
    .map((line) => {
      const at = line.indexOf('=');
      const value = line.slice(at + 1).trim();
      const quoted = value.length > 1 && (value[0] === '"' || value[0] === "'") && value.at(-1) === value[0];
      return { key: line.slice(0, at).trim(), value: quoted ? value.slice(1, -1) : value };
    });
}

/** Every text of a definition, as a way to put another in its place. */
function* texts(value: unknown, set: (text: string) => void = () => {}): Generator<(text: string) => void> {
  if (typeof value === 'string') yield set;
  else if (Array.isArray(value)) for (const [index, inner] of value.entries()) yield* texts(inner, (text) => void (value[index] = text));
  else if (typeof value === 'object' && value !== null)
    for (const [key, inner] of Object.entries(value)) if (key !== '$case') yield* texts(inner, (text) => Reflect.set(value, key, text));
}

const accepted = (spec: DomainSpec): boolean =>
  [
    ...refuseUndriven(spec, drives, 'lxc'),
    ...genericViolations(spec),
    ...validate(spec, {
      profile: { ...recordedProfile, cgroupVersion: legacy },
      pathRoots: [recordedPlaces.images],
      hostDevices: { paths: ['/dev'], interfaces: [] },
    }),
  ].length === 0;

/** The keys of settings, in order. */
const keys = (spec: DomainSpec): string[] => settings(buildConfig(configInput(spec))).map(({ key }) => key);

describe.each(Object.entries({ ...goldens, ...networkGoldens }))('in %s', (_name, partial) => {
  const whole = (): DomainSpec => complete(DomainSpec.fromPartial(partial(recordedPlaces)), goldenGuest, recordedProfile);

  test('a hostile text is refused, or is the value of the one setting that it is for', () => {
    const expected = keys(whole());
    const places = [...texts(whole())].length;
    let tried = 0;
    for (let place = 0; place < places; place += 1) {
      for (const text of hostile) {
        const spec = whole();
        [...texts(spec)][place]?.(text);
        tried += 1;
        if (!accepted(spec)) continue;
        const found = keys(spec);
        // An environment variable's place in the list may change, and what is unknown of a node's device is left out.
        expect(
          found.every((key) => expected.includes(key)),
          JSON.stringify(text),
        ).toBe(true);
        expect(found.length, JSON.stringify(text)).toBeLessThanOrEqual(expected.length);
        expect(found).not.toContain('lxc.hook.pre-start');
      }
    }
    expect(tried).toBeGreaterThan(200);
  });
});

it('a value is read as it was written, or refused', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      let text: string;
      try {
        text = renderConfig([{ key: 'lxc.environment', value }]);
      } catch {
        expect(/[^\P{Cc}\t]/u.test(value) || !value.isWellFormed()).toBe(true);
        return;
      }
      expect(settings(text)).toEqual([{ key: 'lxc.environment', value }]);
    }),
  );
  expect(() => renderConfig([{ key: 'lxc.x = y\nlxc.z', value: '' }])).toThrow(/not a key/);
});

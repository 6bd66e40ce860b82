import fc from 'fast-check';
import { expect, test } from 'vitest';
import { domainReference, nodeIdOf, nodeOf, shortName } from './domain-reference.ts';
import { UsageError } from './usage-error.ts';

const uid = '0190f5c2-1c4e-7c55-b5d0-3f6f0e9b7a11';

test.each([
  ['web', undefined, 'nodes/-/domains/web'],
  ['web', 'n1', 'nodes/n1/domains/web'],
  ['n2/web', 'n1', 'nodes/n2/domains/web'],
  ['-/web', 'n1', 'nodes/-/domains/web'],
  ['nodes/n1/domains/web', undefined, 'nodes/n1/domains/web'],
  ['nodes/n1/domains/web', 'n2', 'nodes/n1/domains/web'],
  [uid, undefined, `nodes/-/domains/uid:${uid}`],
  [uid.toUpperCase(), undefined, `nodes/-/domains/uid:${uid}`],
  [`uid:${uid}`, 'n1', `nodes/n1/domains/uid:${uid}`],
  [`n1/uid:${uid}`, undefined, `nodes/n1/domains/uid:${uid}`],
  [`nodes/n1/domains/uid:${uid}`, undefined, `nodes/n1/domains/uid:${uid}`],
  // Named in full, a domain may be called like a UUID.
  [`nodes/n1/domains/${uid}`, undefined, `nodes/n1/domains/${uid}`],
])('%s on %s is %s', (text, node, name) => {
  expect(domainReference(text, node)).toBe(name);
});

test.each([
  '',
  ' ',
  'a b',
  '../etc',
  'n1/',
  '/web',
  'nodes/web',
  'nodes/n1/domain/web',
  'nodes/n1/domains/',
  'a/b/c',
  'uid:web',
  'N1/web',
  'web\n',
  'x'.repeat(64),
  '-web',
  'nodes/n1/domains/web/x',
])('%j is refused', (text) => {
  expect(() => domainReference(text)).toThrow(UsageError);
});

test('what is not refused is a name of the contract that means the same again', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'ab1-./:_N', 'uid:', 'nodes/', 'domains/') }), (text) => {
      let name: string;
      try {
        name = domainReference(text);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(UsageError);
        return;
      }
      expect(domainReference(name)).toBe(name);
    }),
  );
});

test('parts of names', () => {
  expect(nodeIdOf('nodes/n1')).toBe('n1');
  expect(() => nodeIdOf('N 1')).toThrow(UsageError);
  expect(shortName('nodes/n1/domains/web')).toBe('web');
  expect(nodeOf('nodes/n1/domains/web')).toBe('n1');
  expect(nodeOf('web')).toBe('');
});

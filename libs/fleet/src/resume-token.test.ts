import { encodeToken } from '@virtmesh/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePlace, encodePlace, MovingPlace, type NodePlace } from './resume-token.ts';

const place = fc.dictionary(
  fc.stringMatching(/^[a-z0-9]{1,12}$/),
  fc.record(
    { epoch: fc.uuid(), number: fc.bigInt({ min: 0n, max: 2n ** 60n }), reachable: fc.boolean() },
    { requiredKeys: ['epoch', 'number'], noNullPrototype: true },
  ),
  { noNullPrototype: true },
);

describe('resume tokens', () => {
  it('say the place that they were made of', () => {
    fc.assert(
      fc.property(place, (value) => {
        expect(decodePlace('t', encodePlace('t', value), 'resume_token')).toEqual(value);
      }),
    );
  });

  it('follow a place that changes node by node', () => {
    const nodes = fc.constantFrom('n1', 'n2', 'n3');
    const change = fc.record({ node: nodes, at: fc.option(fc.bigInt({ min: 0n, max: 2n ** 60n })) });
    fc.assert(
      fc.property(fc.array(change), (changes) => {
        const moving = new MovingPlace();
        const expected = new Map<string, NodePlace>();
        for (const { node, at } of changes) {
          if (at === null) {
            moving.delete(node);
            expected.delete(node);
          } else {
            moving.set(node, { epoch: 'e', number: at });
            expected.set(node, { epoch: 'e', number: at });
          }
          expect(moving.get(node)).toEqual(expected.get(node));
          expect(decodePlace('t', moving.token('t'), 'resume_token')).toEqual(Object.fromEntries(expected));
        }
      }),
    );
  });

  it('of another kind, or made up, are refused', () => {
    const refused = expect.objectContaining({ reason: 'TOKEN_INVALID', metadata: { field: 'resume_token' } }) as unknown;
    const bad = [
      encodePlace('other', {}),
      'made up',
      ...[[], 'x', null, { n1: 1 }, { n1: ['e'] }, { n1: ['e', '-1'] }, { n1: ['e', 1] }, { n1: ['e', '99999999999999999999'] }].map(
        (value) => encodeToken('t', value),
      ),
    ];
    for (const token of bad) expect(() => decodePlace('t', token, 'resume_token')).toThrow(refused);
    fc.assert(
      fc.property(fc.string(), (token) => {
        expect(() => decodePlace('t', token, 'resume_token')).toThrow(refused);
      }),
    );
  });
});

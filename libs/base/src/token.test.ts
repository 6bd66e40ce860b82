import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeToken, encodeToken } from './token.ts';

describe('tokens', () => {
  it('read back what was written', () => {
    fc.assert(
      fc.property(fc.string(), fc.jsonValue(), (tag, value) => {
        expect(decodeToken(tag, encodeToken(tag, value), 'page_token')).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('are good for their own purpose only', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.jsonValue(), (a, b, value) => {
        fc.pre(a !== b);
        expect(() => decodeToken(b, encodeToken(a, value), 'page_token')).toThrow(expect.objectContaining({ reason: 'TOKEN_INVALID' }));
      }),
    );
  });

  it('refuse whatever else they are given', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => decodeToken('t', text, 'resume_token')).toThrow(
          expect.objectContaining({ reason: 'TOKEN_INVALID', metadata: { field: 'resume_token' } }),
        );
      }),
    );
  });
});

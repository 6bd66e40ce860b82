import { StartDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readStringField, withStringField } from './string-field.ts';

const request = fc.record({ name: fc.string({ unit: 'grapheme' }), paused: fc.boolean(), requestId: fc.string() });

describe('fields of encoded messages', () => {
  it('are read as the whole message has them', () => {
    fc.assert(
      fc.property(request, (partial) => {
        const bytes = StartDomainRequest.encode(StartDomainRequest.fromPartial(partial)).finish();
        expect(readStringField(bytes, 1)).toBe(partial.name);
        expect(readStringField(bytes, 3)).toBe(partial.requestId);
      }),
    );
  });

  it('are replaced and leave the rest, fields of a later release too', () => {
    const unknown = Buffer.from([0xfa, 0x01, 0x02, 0x41, 0x42]);
    fc.assert(
      fc.property(request, fc.string({ minLength: 1, maxLength: 300 }), (partial, name) => {
        const bytes = Buffer.concat([StartDomainRequest.encode(StartDomainRequest.fromPartial(partial)).finish(), unknown]);
        const replaced = withStringField(bytes, 1, name);
        expect(StartDomainRequest.decode(replaced)).toEqual(StartDomainRequest.fromPartial({ ...partial, name }));
        expect(replaced.includes(unknown)).toBe(true);
      }),
    );
  });

  it('of what is no message are refused', () => {
    for (const bytes of [[0x0a], [0x0a, 0x05, 0x41], [0xff, 0xff], [0x0b, 0x0a]])
      expect(() => readStringField(Buffer.from(bytes), 1)).toThrow(expect.objectContaining({ reason: 'REQUEST_INVALID' }));
    expect(readStringField(Buffer.alloc(0), 1)).toBe('');
  });
});

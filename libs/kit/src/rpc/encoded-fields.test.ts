import { ListDomainsResponse } from '@virtmesh/contracts/domain/v1/domain_service';
import { Domain } from '@virtmesh/contracts/domain/v1/domain';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeRepeated } from './encoded-fields.ts';

describe('repeated fields', () => {
  it('are as the whole message encodes them', () => {
    const domain = fc.record({ name: fc.string({ maxLength: 300 }), title: fc.oneof(fc.string(), fc.constant('x'.repeat(20_000))) });
    fc.assert(
      fc.property(fc.array(domain, { maxLength: 20 }), fc.string(), (domains, nextPageToken) => {
        const pieces = domains.map(({ name, title }) => [
          Domain.encode(Domain.fromPartial({ name })).finish(),
          Domain.encode(Domain.fromPartial({ title })).finish(),
          new Uint8Array(),
        ]);
        const rest = ListDomainsResponse.encode(ListDomainsResponse.fromPartial({ nextPageToken })).finish();
        const whole = ListDomainsResponse.encode(ListDomainsResponse.fromPartial({ domains, nextPageToken })).finish();
        expect(encodeRepeated(1, pieces, rest).equals(whole)).toBe(true);
      }),
    );
  });

  it('have lengths of any size', () => {
    for (const size of [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152]) {
      const item = Domain.encode(Domain.fromPartial({ title: 'x'.repeat(size) })).finish();
      expect(ListDomainsResponse.decode(encodeRepeated(1, [[item]], new Uint8Array())).domains[0]?.title.length).toBe(size);
    }
  });
});

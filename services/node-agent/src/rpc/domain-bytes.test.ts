import { Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { DomainView, ListDomainsResponse } from '@virtmesh/contracts/domain/v1/domain_service';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { viewOf } from '../domains/model/views.ts';
import { DomainBytes, repeatedField } from './domain-bytes.ts';

const domains = fc
  .record({
    name: fc.string(),
    uid: fc.string({ maxLength: 40 }),
    revision: fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }),
    persistent: fc.boolean(),
    labels: fc.dictionary(fc.string(), fc.string()),
    title: fc.string({ maxLength: 300 }),
    spec: fc.option(fc.record({ hypervisor: fc.string(), description: fc.string({ maxLength: 20_000 }) }), { nil: undefined }),
    status: fc.record({ state: fc.constantFrom(DomainState.RUNNING, DomainState.SHUTOFF), pid: fc.bigInt({ min: 0n, max: 1n << 31n }) }),
  })
  .map((partial) => Domain.fromPartial(partial));

test('a list of encoded domains is what encoding the list gives', () => {
  const bytes = new DomainBytes();
  fc.assert(
    fc.property(fc.array(domains, { maxLength: 5 }), fc.constantFrom(DomainView.BASIC, DomainView.FULL), (items, view) => {
      const encoded = repeatedField(
        1,
        items.map((domain) => bytes.of(domain, view)),
      );
      const expected = ListDomainsResponse.encode(
        ListDomainsResponse.fromPartial({ domains: items.map((domain) => viewOf(domain, view)) }),
      ).finish();
      expect(Buffer.compare(encoded, expected)).toBe(0);
      // The second time they come from what was kept.
      expect(items.every((domain) => bytes.of(domain, view) === bytes.of(domain, view))).toBe(true);
    }),
  );
});

test('fields put behind an encoded domain are its fields', () => {
  fc.assert(
    fc.property(domains, fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }), (domain, asOf) => {
      const joined = Buffer.concat([Domain.encode(domain).finish(), Domain.encode(Domain.fromPartial({ asOf })).finish()]);
      expect(Domain.decode(joined)).toEqual({ ...domain, asOf });
    }),
  );
});

import { Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { DomainView, ListDomainsResponse } from '@virtmesh/contracts/domain/v1/domain_service';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeRepeated } from '@virtmesh/kit';
import { DomainBytes } from './domain-bytes.ts';
import { viewOf } from './model/views.ts';

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

test('encoded domains are what encoding them gives, and stay so', () => {
  const bytes = new DomainBytes();
  fc.assert(
    fc.property(fc.array(domains, { maxLength: 5 }), fc.constantFrom(DomainView.BASIC, DomainView.FULL), (items, view) => {
      const list = (): Domain[] => {
        const pieces = items.map((domain) => bytes.of(domain, view));
        return ListDomainsResponse.decode(encodeRepeated(1, pieces, new Uint8Array())).domains;
      };
      const expected = items.map((domain) => Domain.decode(Domain.encode(viewOf(domain, view)).finish()));
      expect(list()).toEqual(expected);
      // The second time they come from what was kept.
      expect(list()).toEqual(expected);
    }),
  );
});

test('secrets are for the store alone', () => {
  const bytes = new DomainBytes();
  const spec = DomainSpec.fromPartial({ graphics: [{ id: 'vnc0', protocol: { $case: 'vnc', value: { password: 'hush' } } }] });
  const domain = Domain.fromPartial({ name: 'nodes/n1/domains/web', spec, activeSpec: spec });
  for (let time = 0; time < 2; time += 1) {
    expect(Domain.decode(bytes.stored(domain))).toEqual(domain);
    const shown = Buffer.concat(bytes.of(domain, DomainView.FULL));
    expect(shown.includes('hush')).toBe(false);
    expect(Domain.decode(shown)).toEqual(viewOf(domain, DomainView.FULL));
  }
});

test('fields put behind an encoded domain are its fields', () => {
  fc.assert(
    fc.property(domains, fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }), (domain, asOf) => {
      const joined = Buffer.concat([Domain.encode(domain).finish(), Domain.encode(Domain.fromPartial({ asOf })).finish()]);
      expect(Domain.decode(joined)).toEqual({ ...domain, asOf });
    }),
  );
});

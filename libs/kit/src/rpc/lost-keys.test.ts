import { CreateDomainRequest, ListDomainsRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { expect, test } from 'vitest';
import { refuseLostKeys } from './lost-keys.ts';

const service = '/virtmesh.domain.v1.DomainService';
/** Keys that the decoder keeps, of the same length as the one that it loses. */
const renamed = (bytes: Uint8Array): Buffer =>
  Buffer.from(Buffer.from(bytes).toString('latin1').replaceAll('__key__00', '__proto__'), 'latin1');

test('an entry of a map that the decoder would lose is refused by field', () => {
  const spec = { labels: { a: 'b', __key__00: 'c' }, metadata: { __key__00: 'd' } };
  const create = renamed(CreateDomainRequest.encode(CreateDomainRequest.fromPartial({ domainId: 'web', spec })).finish());
  expect(CreateDomainRequest.decode(create).spec?.labels).toEqual({ a: 'b' });
  expect(() => refuseLostKeys(`${service}/CreateDomain`, create)).toThrow(
    expect.objectContaining({
      reason: 'REQUEST_INVALID',
      violations: ['labels', 'metadata'].map((map) => ({
        field: `spec.${map}["__proto__"]`,
        description: expect.stringContaining('cannot be') as string,
      })),
    }),
  );
  const list = renamed(ListDomainsRequest.encode(ListDomainsRequest.fromPartial({ labels: { __key__00: '' } })).finish());
  expect(() => refuseLostKeys(`${service}/ListDomains`, list)).toThrow(
    expect.objectContaining({ violations: [expect.objectContaining({ field: 'labels["__proto__"]' })] }),
  );
});

test('the same word anywhere else is nothing', () => {
  const spec = {
    title: '__proto__',
    labels: { a: '__proto__' },
    disks: [{ id: '__proto__', source: { source: { $case: 'filePath' as const, value: '__proto__' } } }],
  };
  const bytes = Buffer.from(CreateDomainRequest.encode(CreateDomainRequest.fromPartial({ domainId: '__proto__', spec })).finish());
  refuseLostKeys(`${service}/CreateDomain`, bytes);
  refuseLostKeys('/other.Service/Call', bytes);
});

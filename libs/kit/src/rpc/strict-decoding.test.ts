import { CreateDomainRequest, GetDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { expect, test } from 'vitest';

// What the generated decoders are made to be by tools/contract/strict-decoding.ts.
const name = [0x0a, 1, 0x61];

test('a message is decoded whole, unknown fields included', () => {
  expect(GetDomainRequest.decode(Uint8Array.from([...name, 0x50, 1, 0x0a, 1, 0x62]))).toMatchObject({ name: 'b' });
});

test.each([
  ['a tag of field 0', [...name, 0x00, 0x0a, 1, 0x62]],
  ['a tag of field 0 with a length', [...name, 0x02, 1, 0x61]],
  ['the end of a group', [...name, 0x0c]],
  ['text that is not UTF-8', [0x0a, 2, 0xc3, 0x28]],
  ['text that ends within a character', [0x0a, 1, 0xc3]],
])('%s is not decoded', (_what, bytes) => {
  expect(() => GetDomainRequest.decode(Uint8Array.from(bytes))).toThrow(/./);
});

test.each([
  ['a tag that cannot be', [0x00, 0x0a, 1, 0x62]],
  ['a field that goes on beyond its end', [0x3a, 5]],
])('%s within a message is not taken for a field of the one around it', (_what, spec) => {
  expect(() => CreateDomainRequest.decode(Uint8Array.from([...name, 0x22, spec.length, ...spec, ...name, ...name]))).toThrow(/./);
});

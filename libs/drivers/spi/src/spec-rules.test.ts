import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { devicesOf, nameDevices } from './spec-devices.ts';
import { genericViolations } from './spec-rules.ts';

const broken = (partial: Parameters<typeof DomainSpec.fromPartial>[0]): string[] =>
  genericViolations(DomainSpec.fromPartial({ hypervisor: 'qemu', ...partial })).map(({ field }) => field);

test.each([
  ['a hypervisor is required', { hypervisor: '' }, ['hypervisor']],
  ['a hypervisor has the form of a type', { hypervisor: 'Qemu!' }, ['hypervisor']],
  ['a title is at most 256 characters', { title: 'x'.repeat(257) }, ['title']],
  ['a title is one line', { title: 'a\nb' }, ['title']],
  ['a description is at most 8192 characters', { description: 'x'.repeat(8193) }, ['description']],
  ['a description has no control characters', { description: 'a\u001b[2J' }, ['description']],
  ['labels are at most 64', { labels: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, ''])) }, ['labels']],
  ['a label key has a form', { labels: { 'a b': '' } }, ['labels["a b"]']],
  ['a label key is not empty', { labels: { '': '' } }, ['labels[""]']],
  ['a label key is at most 63 characters', { labels: { ['k'.repeat(64)]: '' } }, [`labels["${'k'.repeat(64)}"]`]],
  ['a label value is at most 256 characters', { labels: { a: 'x'.repeat(257) } }, ['labels["a"]']],
  ['a label value is one line', { labels: { a: '\r' } }, ['labels["a"]']],
  [
    'metadata has at most 32 entries',
    { metadata: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`urn:x:${i}`, ''])) },
    ['metadata'],
  ],
  ['a metadata key is a URI', { metadata: { 'no uri': '' } }, ['metadata["no uri"]']],
  ['a metadata value is at most 64 KiB', { metadata: { 'urn:x': 'ä'.repeat(32_769) } }, ['metadata["urn:x"]']],
  ['an id has a form', { disks: [{ id: 'Disk0' }] }, ['disks[0].id']],
  ['an id is at most 32 characters', { disks: [{ id: 'd'.repeat(33) }] }, ['disks[0].id']],
  ['ids are unique over all kinds', { disks: [{ id: 'a' }], watchdog: { id: 'a' } }, ['watchdog.id']],
  ['no text holds a NUL', { boot: { kernelArgs: 'a\0b' } }, ['boot.kernel_args']],
] as const)('%s', (_, partial, fields) => {
  expect(broken(partial as never)).toEqual(fields);
});

test('what is within the limits is accepted', () => {
  expect(
    broken({
      title: '😀'.repeat(256),
      description: 'a\tb\nc',
      labels: { 'a.b/c-d_e': 'ü'.repeat(256) },
      metadata: { 'https://example.com/ns/1': '<a>\n</a>', 'urn:x': 'x'.repeat(65_536) },
      disks: [{ id: 'disk0' }],
    }),
  ).toEqual([]);
});

const id = fc.constantFrom('', '', 'disk0', 'disk1', 'net0', 'net1', 'serial0', 'watchdog0', 'x');
const anySpec = fc.record({
  disks: fc.array(fc.record({ id })),
  interfaces: fc.array(fc.record({ id })),
  serials: fc.array(fc.record({ id })),
  watchdog: fc.record({ id }),
});

test('made ids are new, and given ones stay', () => {
  fc.assert(
    fc.property(anySpec, (partial) => {
      const given = DomainSpec.fromPartial(partial);
      const named = DomainSpec.fromPartial(partial);
      nameDevices(named);
      const before = devicesOf(given).map(({ device }) => device.id);
      const after = devicesOf(named).map(({ device }) => device.id);
      const made = after.filter((_, index) => before[index] === '');
      expect(after.filter((_, index) => before[index] !== '')).toEqual(before.filter((each) => each !== ''));
      expect(new Set(made).size).toBe(made.length);
      expect(made.some((each) => before.includes(each))).toBe(false);
      nameDevices(named);
      expect(devicesOf(named).map(({ device }) => device.id)).toEqual(after);
    }),
  );
});

import { Channel } from '@virtmesh/contracts/domain/v1/channel';
import { Disk } from '@virtmesh/contracts/domain/v1/disk';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { expect, test } from 'vitest';
import { overlongLists, refuseUndriven, setFields, specLeafFields, unknownEnumValues } from './spec-fields.ts';

test('the leaf fields are those of the contract, maps and oneofs included', () => {
  const fields = specLeafFields();
  expect(new Set(fields).size).toBe(fields.length);
  for (const field of [
    'hypervisor',
    'labels',
    'memory.balloon.disabled',
    'cpu.features.policy',
    'disks.source.file_path',
    'disks.throttle.total_bytes_per_second',
    'interfaces.user.forwards.host_port',
    'graphics.vnc.listen_address',
    'qemu.args',
  ]) {
    expect(fields).toContain(field);
  }
  expect(fields).not.toContain('memory.balloon');
});

test('every leaf field is found again in a definition that sets it', () => {
  const spec = DomainSpec.fromPartial({
    title: 't',
    labels: { a: 'b' },
    memory: { sizeBytes: 1n, balloon: {} },
    disks: [{}, { id: 'disk1', source: { source: { $case: 'filePath', value: '' } }, throttle: { totalIops: 3n } }],
    interfaces: [{ backend: { $case: 'user', value: { forwards: [{ hostPort: 1 }] } } }],
  });
  expect(setFields(spec).map(({ path }) => path)).toEqual([
    'title',
    'labels',
    'memory',
    'memory.size_bytes',
    'memory.balloon',
    'disks[0]',
    'disks[1]',
    'disks[1].id',
    'disks[1].source',
    'disks[1].source.file_path',
    'disks[1].throttle',
    'disks[1].throttle.total_iops',
    'interfaces[0]',
    'interfaces[0].user',
    'interfaces[0].user.forwards[0]',
    'interfaces[0].user.forwards[0].host_port',
  ]);
});

test('what a driver does not drive is refused once, at its top', () => {
  const spec = DomainSpec.fromPartial({
    hypervisor: 'x',
    watchdog: {},
    vsock: { id: 'v', cid: 3n },
    disks: [Disk.fromPartial({ id: 'd', discard: true })],
    channels: [Channel.fromPartial({ id: 'c' })],
  });
  const driven = new Set(['hypervisor', 'disks.id', 'channels.kind', 'channels.id']);
  const refused = refuseUndriven(spec, driven, 'x', new Map([['watchdog', 'use a cat']]));
  expect(refused.map(({ field }) => field)).toEqual(['disks[0].discard', 'watchdog', 'vsock']);
  expect(refused.slice(0, 2).map(({ description }) => description)).toEqual([
    'the driver x does not drive this field; leave it out, or use another driver',
    'the driver x does not drive this field; use a cat',
  ]);
});

test('all fields of a definition are driven by a driver that drives all', () => {
  expect(
    refuseUndriven(DomainSpec.fromPartial({ title: 'a', watchdog: {}, memory: { sizeBytes: 1n } }), new Set(specLeafFields()), 'x'),
  ).toEqual([]);
});

test('enum values that the contract does not have are refused by path', () => {
  const spec = DomainSpec.fromPartial({ disks: [{ bus: 1 }, {}] });
  (spec.disks[1] as { bus: number }).bus = 77;
  expect(unknownEnumValues(spec)).toMatchObject([{ field: 'disks[1].bus' }]);
  expect(unknownEnumValues(spec)[0]?.description).toContain('77 is not a value of DiskBus');
});

test('lists of more than 512 entries are refused by field, wherever they are', () => {
  const many = (count: number): object[] => Array.from({ length: count }, () => ({}));
  const forwards = (count: number) => ({ backend: { $case: 'user' as const, value: { forwards: many(count) } } });
  const spec = DomainSpec.fromPartial({
    disks: many(513),
    cpu: { features: many(600) },
    interfaces: [forwards(512), forwards(513)],
    rngs: many(512),
  });
  expect(overlongLists(spec)).toEqual([
    { field: 'cpu.features', description: 'has 600 entries; leave some out, the most is 512' },
    { field: 'disks', description: 'has 513 entries; leave some out, the most is 512' },
    { field: 'interfaces[1].user.forwards', description: 'has 513 entries; leave some out, the most is 512' },
  ]);
});

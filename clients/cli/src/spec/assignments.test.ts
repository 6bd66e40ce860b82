import { CpuMode } from '@virtmesh/contracts/domain/v1/cpu';
import { expect, test } from 'vitest';
import { UsageError } from '../usage-error.ts';
import { readAssignments } from './assignments.ts';
import { loadDomainSchema } from './schema.ts';

const schema = loadDomainSchema();

test('values by path, in either spelling', () => {
  const { spec, paths } = readAssignments(
    ['title=5 apples', 'memory.currentBytes=512MiB', 'cpu.mode=host-model', 'labels={tier: web}', 'disks=[{bus: scsi}]', 'boot.menu=true'],
    schema,
  );
  expect(paths).toEqual(['title', 'memory.current_bytes', 'cpu.mode', 'labels', 'disks', 'boot.menu']);
  expect(spec).toMatchObject({
    title: '5 apples',
    memory: { currentBytes: 512n << 20n },
    cpu: { mode: CpuMode.HOST_MODEL },
    labels: { tier: 'web' },
    disks: [{ bus: 2 }],
    boot: { menu: true },
  });
});

test('an empty value is the default', () => {
  const { spec, paths } = readAssignments(['title=', 'memory.current_bytes='], schema);
  expect(paths).toEqual(['title', 'memory.current_bytes']);
  expect(spec).toMatchObject({ title: '', memory: undefined });
});

test.each([
  ['title', 'must be path=value'],
  ['=x', 'must be path=value'],
  ['titel=x', 'there is no field "titel" in a definition; did you mean title?'],
  ['memory.size=1', 'there is no field "size" in memory; did you mean size_bytes?'],
  ['disks.0.bus=ide', 'disks is replaced whole'],
  ['title.x=1', 'title is replaced whole'],
])('%s is no assignment', (word, message) => {
  expect(() => readAssignments([word], schema)).toThrow(UsageError);
  expect(() => readAssignments([word], schema)).toThrow(message);
});

test('twice the same path', () => {
  expect(() => readAssignments(['cpu.max_vcpus=1', 'cpu.maxVcpus=2'], schema)).toThrow('cpu.max_vcpus is given twice');
});

test('wrong values, all of them', () => {
  try {
    readAssignments(['cpu.vcpus=two', 'memory.size_bytes=1G', 'boot.menu=[', 'disks=[{bus: x}]'], schema);
    expect.unreachable();
  } catch (thrown) {
    if (!(thrown instanceof UsageError)) throw thrown;
    expect(thrown.violations.map(({ field }) => field)).toEqual(['cpu.vcpus', 'memory.size_bytes', 'boot.menu', 'disks[0].bus']);
  }
});

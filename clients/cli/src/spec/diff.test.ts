import { expect, test } from 'vitest';
import { fieldChanges } from './diff.ts';

test('what differs, by path; entries of lists by their ids', () => {
  expect(
    fieldChanges(
      {
        title: 'a',
        memory: { size_bytes: '1GiB' },
        disks: [
          { id: 'x', bus: 'ide' },
          { id: 'y', bus: 'sata' },
        ],
        qemu: { args: ['-a', '-b'] },
      },
      { memory: { size_bytes: '2GiB' }, cpu: { vcpus: 2 }, disks: [{ id: 'y', bus: 'sata', balloon: {} }], qemu: { args: ['-a', '-c'] } },
    ),
  ).toEqual([
    { path: 'title', before: 'a', after: undefined },
    { path: 'memory.size_bytes', before: '1GiB', after: '2GiB' },
    { path: 'disks[x].id', before: 'x', after: undefined },
    { path: 'disks[x].bus', before: 'ide', after: undefined },
    { path: 'qemu.args[1]', before: '-b', after: '-c' },
    { path: 'cpu.vcpus', before: undefined, after: '2' },
    { path: 'disks[y].balloon', before: undefined, after: '{}' },
  ]);
});

test('nothing differs from itself, and secrets are not shown', () => {
  const spec = { disks: [{ id: 'x' }], graphics: [{ id: 'vnc0', vnc: { password: 'geheim' } }] };
  expect(fieldChanges(spec, structuredClone(spec))).toEqual([]);
  expect(fieldChanges({}, { graphics: [{ id: 'vnc0', vnc: { password: 'geheim' } }] })).toContainEqual({
    path: 'graphics[vnc0].vnc.password',
    before: undefined,
    after: '(hidden)',
  });
});

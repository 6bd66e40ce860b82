import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { domainSpecShape } from './spec-descriptor.ts';
import { differAt, fieldsAt, leafPaths, mergePaths } from './spec-paths.ts';

const spec = (over: Parameters<typeof DomainSpec.fromPartial>[0] = {}): DomainSpec => DomainSpec.fromPartial({ hypervisor: 'x', ...over });
const all = domainSpecShape().fields.map(({ name }) => name);

test('a path leads through messages, and not into lists, maps and oneofs', () => {
  expect(fieldsAt('memory.balloon.disabled')?.map(({ name }) => name)).toEqual(['memory', 'balloon', 'disabled']);
  for (const path of ['', 'no_such_field', 'memory.no_such_field', 'disks.id', 'labels.a', 'title.length', 'memory.'])
    expect(fieldsAt(path), path).toBeUndefined();
});

describe('a merge', () => {
  test('takes scalars, messages, lists and maps, and leaves the rest', () => {
    const old = spec({
      title: 'a',
      memory: { sizeBytes: 1n, currentBytes: 1n, balloon: { disabled: true } },
      labels: { a: '1' },
      disks: [{ id: 'd' }],
      watchdog: { id: 'w' },
    });
    const from = spec({ title: 'b', memory: { sizeBytes: 2n, balloon: { statsPeriodSeconds: 3 } }, labels: { b: '2' } });
    const merged = mergePaths(old, from, ['memory.balloon.stats_period_seconds', 'labels', 'disks', 'watchdog', 'memory.current_bytes']);
    expect(merged).toEqual(
      spec({
        title: 'a',
        memory: { sizeBytes: 1n, currentBytes: 0n, balloon: { disabled: true, statsPeriodSeconds: 3 } },
        labels: { b: '2' },
      }),
    );
    expect(old.labels).toEqual({ a: '1' });
  });

  test('makes a message only where there is something to put in', () => {
    expect(mergePaths(spec(), spec({ cpu: { topology: { cores: 2 } } }), ['cpu.topology.cores']).cpu?.topology).toMatchObject({
      cores: 2,
      sockets: 0,
    });
    expect(mergePaths(spec(), spec(), ['watchdog.model', 'memory.balloon.disabled', 'watchdog']).watchdog).toBeUndefined();
    expect(mergePaths(spec({ watchdog: { id: 'w', model: 1 } }), spec(), ['watchdog.model']).watchdog).toMatchObject({ id: 'w', model: 0 });
  });

  test('with * makes one definition of the other', () => {
    const any = fc.record({
      title: fc.string(),
      labels: fc.dictionary(fc.string(), fc.string()),
      arch: fc.string(),
      memory: fc.option(fc.record({ sizeBytes: fc.bigInt({ min: 0n, max: 1n << 40n }) }), { nil: undefined }),
    });
    fc.assert(
      fc.property(any, any, (a, b) => {
        expect(mergePaths(spec(a), spec(b), all)).toEqual(spec(b));
      }),
    );
  });
});

test('leaf paths of all fields are the leaves of the contract, lists being one', () => {
  const leaves = all.flatMap((path) => leafPaths(path));
  expect(leaves).toContain('memory.balloon.free_page_reporting');
  expect(leaves).toContain('disks');
  expect(leaves).toContain('labels');
  expect(leaves.some((path) => path.startsWith('disks.'))).toBe(false);
  for (const path of leaves) expect(leafPaths(path)).toEqual([path]);
});

test('values are compared by what they mean', () => {
  expect(differAt('memory.size_bytes', spec({ memory: {} }), spec())).toBe(false);
  expect(differAt('memory', spec({ memory: { balloon: {} } }), spec())).toBe(false);
  expect(differAt('memory', spec({ memory: { balloon: { disabled: true } } }), spec({ memory: {} }))).toBe(true);
  expect(differAt('memory.size_bytes', spec({ memory: { sizeBytes: 5n } }), spec({ memory: { sizeBytes: 50n } }))).toBe(true);
  expect(differAt('labels', spec({ labels: { a: '1', b: '2' } }), spec({ labels: { b: '2', a: '1' } }))).toBe(false);
  expect(differAt('labels', spec({ labels: { a: '1' } }), spec({ labels: { a: '2' } }))).toBe(true);
  expect(differAt('title', spec({ title: 'a', arch: 'x86_64' }), spec({ title: 'a' }))).toBe(false);
});

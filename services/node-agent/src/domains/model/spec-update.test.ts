import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { specLeafFields } from '@virtmesh/driver-spi';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isDescriptive, leafPaths, maskPaths, merge, startsDiffer, valueAt } from './spec-update.ts';

const spec = (over: Parameters<typeof DomainSpec.fromPartial>[0] = {}): DomainSpec => DomainSpec.fromPartial({ hypervisor: 'x', ...over });

describe('a mask', () => {
  test('of * names every field but the hypervisor', () => {
    const paths = maskPaths(['*']);
    expect(paths).not.toContain('hypervisor');
    expect(paths).toContain('memory');
    expect(paths).toHaveLength(Object.keys(spec()).length - 1);
  });

  test('may name any field that is not inside a list or map', () => {
    const repeated =
      /^(disks|interfaces|serials|consoles|channels|graphics|videos|rngs|filesystems|host_devices)\.|^cpu\.features\.|^container\.id_map\.[ug]ids\.|^block_io\.devices\./;
    for (const path of specLeafFields()) {
      if (path === 'hypervisor') continue;
      if (repeated.test(path)) expect(() => maskPaths([path])).toThrow('lists and maps are replaced whole');
      else expect(maskPaths([path, path])).toEqual([path]);
    }
  });
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
    const merged = merge(old, from, ['memory.balloon.stats_period_seconds', 'labels', 'disks', 'watchdog', 'memory.current_bytes']);
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
    expect(merge(spec(), spec({ cpu: { topology: { cores: 2 } } }), ['cpu.topology.cores']).cpu?.topology).toMatchObject({
      cores: 2,
      sockets: 0,
    });
    expect(merge(spec(), spec(), ['watchdog.model', 'memory.balloon.disabled', 'watchdog']).watchdog).toBeUndefined();
    expect(merge(spec({ watchdog: { id: 'w', model: 1 } }), spec(), ['watchdog.model']).watchdog).toMatchObject({ id: 'w', model: 0 });
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
        expect(merge(spec(a), spec(b), maskPaths(['*']))).toEqual(spec(b));
      }),
    );
  });
});

test('leaf paths of all fields are the leaves of the contract, lists being one', () => {
  const leaves = maskPaths(['*']).flatMap((path) => leafPaths(path));
  expect(leaves).toContain('memory.balloon.free_page_reporting');
  expect(leaves).toContain('disks');
  expect(leaves).toContain('labels');
  expect(leaves.some((path) => path.startsWith('disks.'))).toBe(false);
  for (const path of leaves) expect(leafPaths(path)).toEqual([path]);
});

test('values are compared by what they mean', () => {
  expect(valueAt(spec({ memory: {} }), 'memory.size_bytes')).toBe(valueAt(spec(), 'memory.size_bytes'));
  expect(valueAt(spec({ labels: { a: '1', b: '2' } }), 'labels')).toBe(valueAt(spec({ labels: { b: '2', a: '1' } }), 'labels'));
  expect(valueAt(spec({ memory: { sizeBytes: 5n } }), 'memory.size_bytes')).toBe('"5"');
  expect(startsDiffer(spec({ title: 'a', labels: { a: 'b' } }), spec())).toBe(false);
  expect(startsDiffer(spec({ memory: { balloon: {} } }), spec())).toBe(false);
  expect(startsDiffer(spec({ disks: [{ id: 'a', readOnly: true }] }), spec({ disks: [{ id: 'a' }] }))).toBe(true);
  expect(['title', 'labels', 'metadata', 'description', 'memory.size_bytes'].map(isDescriptive)).toEqual([true, true, true, true, false]);
});

import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { specLeafFields } from '@virtmesh/driver-spi';
import { describe, expect, test } from 'vitest';
import { isDescriptive, maskPaths, startsDiffer } from './spec-update.ts';

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

test('what only describes a domain starts no other guest', () => {
  expect(startsDiffer(spec({ title: 'a', labels: { a: 'b' } }), spec())).toBe(false);
  expect(startsDiffer(spec({ memory: { balloon: {} } }), spec())).toBe(false);
  expect(startsDiffer(spec({ disks: [{ id: 'a', readOnly: true }] }), spec({ disks: [{ id: 'a' }] }))).toBe(true);
  expect(['title', 'labels', 'metadata', 'description', 'memory.size_bytes'].map(isDescriptive)).toEqual([true, true, true, true, false]);
});

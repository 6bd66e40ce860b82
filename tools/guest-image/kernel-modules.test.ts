import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadOrder, moduleDependencies, moduleFiles, moduleName } from './kernel-modules.ts';

describe('kernel modules', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'virtmesh-modules-'));
  });
  afterEach(async () => rm(directory, { recursive: true }));

  async function addModule(path: string, depends: string): Promise<void> {
    await mkdir(join(directory, path, '..'), { recursive: true });
    await writeFile(join(directory, path), Buffer.from(`\x7fELF\0license=GPL\0depends=${depends}\0name=x\0`));
  }

  it('are named as the kernel names them', () => {
    expect(moduleName('kernel/drivers/char/hw_random/virtio-rng.ko')).toBe('virtio_rng');
  });

  it('say what they need', () => {
    expect(moduleDependencies(Buffer.from('\0depends=net_failover,virtio-ring\0'))).toEqual(['net_failover', 'virtio_ring']);
    expect(moduleDependencies(Buffer.from('\0depends=\0'))).toEqual([]);
    expect(moduleDependencies(Buffer.from('no section'))).toEqual([]);
  });

  it('are ordered behind what they need, each once', async () => {
    const needs: Record<string, string[]> = { net: ['failover', 'ring'], failover: ['core'], ring: ['core'], core: [] };
    expect(await loadOrder(['net', 'ring'], async (name) => needs[name] ?? [])).toEqual(['core', 'failover', 'ring', 'net']);
  });

  it('are found by name wherever they stand', async () => {
    await addModule('drivers/net/virtio_net.ko', 'net-failover');
    await addModule('net/net_failover.ko', '');
    expect((await moduleFiles(directory, ['virtio-net'])).map((file) => basename(file))).toEqual(['net_failover.ko', 'virtio_net.ko']);
  });

  it('that are not there are named', async () => {
    await expect(moduleFiles(directory, ['virtio_net'])).rejects.toThrow(/has no module virtio_net/);
  });
});

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHost } from '@virtmesh/host';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ProbeCache } from './cache.ts';

let directory: string;
let cache: ProbeCache;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vm-cache-'));
  cache = new ProbeCache(await createHost(), join(directory, 'below'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const value = { devices: ['virtio-blk-pci', 'ide-hd'], version: '7.2.22' };

test('what was put is got, under its name and key alone', async () => {
  expect(await cache.get('a', 'key')).toBeUndefined();
  await cache.put('a', 'key', value);
  expect(await cache.get('a', 'key')).toEqual(value);
  expect(await cache.get('b', 'key')).toBeUndefined();
  expect(await cache.get('a', 'another key')).toBeUndefined();
  await cache.put('a', 'another key', null);
  expect(await cache.get('a', 'key')).toBeUndefined();
});

test.each([
  ['empty', () => ''],
  ['cut off', (kept: string) => kept.slice(0, kept.length / 2)],
  ['something else', () => '[]'],
  ['nothing', () => 'null'],
  ['a number', () => '7'],
  ['changed', (kept: string) => kept.replace('virtio-blk-pci', 'virtio-blk-pcj')],
  ['of another format', (kept: string) => kept.replace('"format":1', '"format":0')],
  ['of another key', (kept: string) => kept.replace('"key":"key"', '"key":"kez"')],
  ['without a value', (kept: string) => kept.replace('"value"', '"velue"')],
])('what is %s counts as nothing', async (_, damage) => {
  await cache.put('a', 'key', value);
  const path = join(directory, 'below', 'a.json');
  await writeFile(path, damage(await readFile(path, 'utf8')));
  expect(await cache.get('a', 'key')).toBeUndefined();
});

test('where nothing can be written nothing is kept, and nothing thrown', async () => {
  await writeFile(join(directory, 'below'), 'a file in the way');
  await cache.put('a', 'key', value);
  expect(await cache.get('a', 'key')).toBeUndefined();
});

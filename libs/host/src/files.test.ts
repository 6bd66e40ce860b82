import type { Host } from '@virtmesh/driver-spi';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHost } from './index.ts';

describe('where others write too', () => {
  let host: Host;
  let directory: string;
  beforeAll(async () => {
    host = await createHost();
    directory = mkdtempSync(join(tmpdir(), 'vmf-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  /** Puts a symlink in the place of something as soon as that is asked for, while some work goes on. */
  async function swapped(work: Promise<unknown>, when: () => boolean, path: string, to: string): Promise<void> {
    const seen = { over: false };
    const end = (): void => void (seen.over = true);
    const ended = work.then(end, end);
    while (!seen.over && !when()) await new Promise((resolve) => setImmediate(resolve));
    expect(seen.over).toBe(false);
    renameSync(path, `${path}-aside`);
    symlinkSync(to, path);
    await ended;
  }

  it('a copy gets its mode, and no file that is put in its place meanwhile', async () => {
    const [from, to, victim] = ['from', 'to', 'victim'].map((name) => join(directory, name)) as [string, string, string];
    writeFileSync(from, Buffer.alloc(64 * 1024 * 1024, 1));
    writeFileSync(victim, 'secret', { mode: 0o600 });
    const copied = host.files.copyNew(from, to, { mode: 0o644 });
    await swapped(copied, () => existsSync(`${to}.new`), `${to}.new`, victim);
    expect(statSync(victim).mode & 0o777).toBe(0o600);
  });

  it('what is removed is in the directory, and not in one that is put in its place meanwhile', async () => {
    const [tree, victim] = ['tree', 'victims'].map((name) => join(directory, name)) as [string, string];
    const names = Array.from({ length: 1000 }, (_, index) => `file${index}`);
    for (const place of [join(tree, 'inner'), victim]) {
      mkdirSync(place, { recursive: true });
      for (const name of names) writeFileSync(join(place, name), '');
    }
    const inner = join(tree, 'inner');
    await swapped(host.files.remove(tree), () => readdirSync(inner).length < names.length, inner, victim);
    expect(readdirSync(victim)).toHaveLength(names.length);
    await host.files.remove(tree);
    expect(existsSync(tree)).toBe(false);
    expect(readdirSync(victim)).toHaveLength(names.length);
  });

  it('a directory goes with all in it, whatever it is called', async () => {
    const tree = join(directory, 'names');
    mkdirSync(join(tree, 'a', 'b'), { recursive: true });
    writeFileSync(Buffer.concat([Buffer.from(`${tree}/a/`), Buffer.of(0xff, 0xfe)]), '');
    symlinkSync('/etc', join(tree, 'a', 'link'));
    await host.files.remove(tree);
    await host.files.remove(tree);
    expect(existsSync(tree)).toBe(false);
    expect(existsSync('/etc')).toBe(true);
  });

  it('a text is read from a file, and never waited for', async () => {
    const fifo = join(directory, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const reading = host.files.readText(fifo, 100);
    // Who waits for its other end holds a thread until there is one.
    const held = setTimeout(() => closeSync(openSync(fifo, constants.O_RDWR)), 1000);
    await expect(reading).rejects.toMatchObject({ code: 'EINVAL', path: fifo });
    clearTimeout(held);
    await expect(host.files.readText(directory, 100)).rejects.toMatchObject({ code: 'EINVAL' });
    expect(await host.files.readText('/proc/self/comm', 100)).not.toBe('');
  });
});

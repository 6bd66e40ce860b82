import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { devLayout, guestsDirectory } from './layout.ts';
import { clearGuests, mayHaveGuests, mountsBelow } from './run-directory.ts';

test('what is mounted below a directory, the deepest first', () => {
  const line = (point: string): string => `36 35 98:0 / ${point} rw,noatime - ext3 /dev/root rw`;
  const mountinfo = ['/', '/run', '/run/guests', '/run/guests/_shared', '/run/guests-of/x', '/run/guests/_shared/a\\040b']
    .map(line)
    .join('\n');
  expect(mountsBelow('/run/guests', `${mountinfo}\n`)).toEqual(['/run/guests/_shared/a b', '/run/guests/_shared']);
});

test('a guest is there while something of it stands in the directory, and nothing is left of it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'vm-rd-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const layout = devLayout({ VIRTMESH_DEV_DIR: directory });
  expect(await mayHaveGuests(layout)).toBe(false);
  await mkdir(join(guestsDirectory(layout), '_shared'), { recursive: true });
  expect(await mayHaveGuests(layout)).toBe(false);
  await mkdir(join(guestsDirectory(layout), '0190f5c2-1c4e-7c55-b5d0-3f6f0e9b7a11'));
  await writeFile(join(guestsDirectory(layout), '0190f5c2-1c4e-7c55-b5d0-3f6f0e9b7a11/_config'), '');
  expect(await mayHaveGuests(layout)).toBe(true);
  // Only root has the directory of LXC.
  if (process.getuid?.() === 0) await mkdir(join('/run/lxc', guestsDirectory(layout)), { recursive: true });
  await clearGuests(layout);
  await clearGuests(layout);
  expect(await mayHaveGuests(layout)).toBe(false);
  expect(existsSync(join('/run/lxc', directory))).toBe(false);
});

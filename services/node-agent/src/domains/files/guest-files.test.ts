import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { GuestFiles } from './guest-files.ts';

it('a file that is not there is as long as nothing', async () => {
  const root = mkdtempSync(join(tmpdir(), 'virtmesh-files-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const files = new GuestFiles({ roots: [root], stateDir: root });
  writeFileSync(join(root, 'a'), 'four');
  const sizes = ['a', 'b', 'none/c'].map((name) => files.sizeOf({ t: 'path', path: join(root, name) }));
  expect(await Promise.all(sizes)).toEqual([4, 0, 0]);
});

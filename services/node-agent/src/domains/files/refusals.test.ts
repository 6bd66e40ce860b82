import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { GuestFiles } from './guest-files.ts';

let directory: string;
let files: GuestFiles;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vm-files-'));
  mkdirSync(join(directory, 'root'));
  mkdirSync(join(directory, 'other'));
  symlinkSync(join(directory, 'other'), join(directory, 'root/out'));
  symlinkSync(join(directory, 'root'), join(directory, 'way'));
  writeFileSync(join(directory, 'root/file'), '');
  files = new GuestFiles({ roots: [join(directory, 'root'), join(directory, 'way')], stateDir: join(directory, 'state') });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const violation = (words: RegExp) => ({
  reason: 'REQUEST_INVALID',
  violations: [{ field: 'path', description: expect.stringMatching(words) as string }],
});

test('a path does not lead out of the allowed directories by a symlink', async () => {
  await expect(files.checkFree(join(directory, 'root/out/x'))).rejects.toMatchObject(violation(/truly lies in .*other/));
});

test('a path is in a directory that is there', async () => {
  await expect(files.checkFree(join(directory, 'root/none/x'))).rejects.toMatchObject(violation(/no directory of the node/));
  await expect(files.checkFree(join(directory, 'root/file/x'))).rejects.toMatchObject(violation(/no directory of the node/));
});

test('a path is below an allowed directory', async () => {
  await expect(files.checkFree(join(directory, 'other/x'))).rejects.toMatchObject(violation(/below an allowed directory/));
});

test('an allowed directory may itself be a symlink', async () => {
  await files.checkFree(join(directory, 'way/x'));
  await files.checkFree(join(directory, 'root/x'));
});

import { createHost } from '@virtmesh/host';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { fileNamePart, guestDirectories, trueRoots } from './guest-directories.ts';

const directories = { runDir: '/run/virtmesh', stateDir: '/var/lib/virtmesh' };
const bug = expect.objectContaining({ reason: 'INTERNAL_BUG' });

test('each guest has directories of its own, and no other text leads anywhere', () => {
  const uid = '6f1c5f0e-5d51-4c2b-9d5e-0b7c1a2d3e4f';
  expect(guestDirectories(directories, uid)).toEqual({
    runDir: `/run/virtmesh/${uid}`,
    stateDir: `/var/lib/virtmesh/domains/${uid}`,
    logDir: `/var/lib/virtmesh/domains/${uid}/console`,
  });
  for (const wrong of ['', '..', `../${uid}`, `${uid}/..`]) expect(() => guestDirectories(directories, wrong), wrong).toThrow(bug);
});

test('the id of a device is a part of a name', () => {
  expect(fileNamePart('serial0')).toBe('serial0');
  for (const wrong of ['', '.', 'a/b', '../a', 'a_b']) expect(() => fileNamePart(wrong), wrong).toThrow(bug);
});

test('roots are without symlinks, and as they are written where they are not there', async () => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'vmr-')));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(join(directory, 'real'));
  symlinkSync('real', join(directory, 'link'));
  const roots = await trueRoots(await createHost(), [join(directory, 'link'), join(directory, 'none')]);
  expect(roots).toEqual([join(directory, 'real'), join(directory, 'none')]);
});

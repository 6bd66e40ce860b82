import { chmod, copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { findProgram } from '../setup/requirements.ts';
import { tryCommand } from '../process/run-command.ts';

// The script ./dev, in a directory of its own, until it would install something.

let root: string;
beforeEach(async () => {
  const made = await mkdtemp(join(tmpdir(), 'virtmesh-dev-'));
  root = made;
  onTestFinished(async () => rm(made, { recursive: true }));
  await chmod(root, 0o755);
  await copyFile(resolve(import.meta.dirname, '../../dev'), join(root, 'dev'));
  await mkdir(join(root, 'bin'));
  for (const name of ['dirname', 'uname', 'mkdir', 'id', 'npm', 'git', 'flock']) {
    const path = findProgram(name);
    if (path !== undefined) await symlink(path, join(root, 'bin', name));
  }
});

const fakeNode = async (major: number): Promise<void> =>
  writeFile(join(root, 'bin/node'), `#!/bin/sh\nif [ "$1" = -p ]; then echo ${major}; else echo v${major}.0.0; fi\n`, { mode: 0o755 });

async function dev(...before: readonly string[]): Promise<{ exitCode: number | null; stderr: string }> {
  return tryCommand([...before, '/bin/sh', join(root, 'dev'), 'help'], { env: { PATH: join(root, 'bin') } });
}

test('a tool that is missing, and how to get it', async () => {
  expect(await dev()).toMatchObject({
    exitCode: 1,
    stderr: 'dev: node is missing. On Debian: apt-get install --no-install-recommends nodejs npm git util-linux\n',
  });
});

test('a Node that is too old', async () => {
  await fakeNode(16);
  expect((await dev()).stderr).toContain('dev: the installed Node is v16.0.0; 18 or newer is needed');
});

test.runIf(process.getuid?.() === 0)('a directory that this user may not write', async () => {
  await fakeNode(18);
  const setpriv = findProgram('setpriv') ?? 'setpriv';
  expect(await dev(setpriv, '--reuid=65534', '--regid=65534', '--clear-groups')).toMatchObject({
    exitCode: 1,
    stderr: `dev: ${root} may not be written by the user nobody, and packages are installed into it; run this as its owner, or clone the repository as nobody\n`,
  });
});

import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { Bench, type Outcome, removeCache, vmeshPath } from './testing/vmesh.ts';

// The shell script bin/vmesh, in a repository of its own whose Node only says how it was called.

let bench: Bench;
let root: string;
beforeEach(async () => {
  const started = await Bench.start();
  bench = started;
  root = await mkdtemp(join(tmpdir(), 'vmesh with blanks '));
  onTestFinished(async () => {
    await started[Symbol.asyncDispose]();
    await rm(root, { recursive: true });
  });
  for (const directory of ['bin', 'path', 'node_modules/@virtmesh', 'toolchain/node_modules/.bin'])
    await mkdir(join(root, directory), { recursive: true });
  await copyFile(vmeshPath, join(root, 'bin/vmesh'));
});
afterAll(removeCache);

const fakeNode = (path: string, version: string): Promise<void> =>
  writeFile(path, `#!/bin/sh\nif [ "$1" = --version ]; then echo ${version}; else echo "$0" "$NODE_COMPILE_CACHE" "$@"; fi\n`, {
    mode: 0o755,
  });

const call = (path: string, words: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<Outcome> =>
  bench.run(path, words, { env: { PATH: `${join(root, 'path')}:/usr/bin:/bin`, ...env } });

test("the repository's own Node runs it, through links too, with the words as they are", async () => {
  const node = join(root, 'toolchain/node_modules/.bin/node');
  await fakeNode(node, 'v24.21.0');
  await mkdir(join(root, 'else/where'), { recursive: true });
  await symlink('../../bin/vmesh', join(root, 'else/where/first'));
  await symlink(join(root, 'else/where/first'), join(root, 'path/vm'));
  for (const path of ['bin/vmesh', 'else/where/first', 'path/vm']) {
    const { code, stdout } = await call(join(root, path), ['define', 'a b', '*', '']);
    expect(code).toBe(0);
    expect(stdout.trim()).toContain(`${join(root, 'clients/cli/src/main.ts')} define a b *`);
    expect(stdout.startsWith(node)).toBe(true);
  }
});

test('without it, that of PATH, if it is new enough', async () => {
  await fakeNode(join(root, 'path/node'), 'v24.1.0');
  expect((await call(join(root, 'bin/vmesh'), ['list'])).stdout).toContain('main.ts list');
  await fakeNode(join(root, 'path/node'), 'v20.20.2');
  expect(await call(join(root, 'bin/vmesh'), ['list'])).toEqual({
    code: 1,
    stdout: '',
    stderr: `error: vmesh needs Node 24 or later, and ${join(root, 'path/node')} has v20.20.2; ${root}/dev start brings it\n`,
  });
});

test('no Node at all, and packages that are not installed', async () => {
  await mkdir(join(root, 'bare'));
  for (const program of ['sh', 'readlink']) await symlink(`/usr/bin/${program}`, join(root, 'bare', program));
  expect((await call(join(root, 'bin/vmesh'), [], { PATH: join(root, 'bare') })).stderr).toBe(
    `error: vmesh needs Node 24 or later, and the PATH has none; ${root}/dev start brings it\n`,
  );
  await rm(join(root, 'node_modules'), { recursive: true });
  expect(await call(join(root, 'bin/vmesh'))).toEqual({
    code: 1,
    stdout: '',
    stderr: `error: the packages of virtmesh are not installed in ${root}; run ${root}/dev start once, or npm ci there\n`,
  });
});

test('compiled code is kept where only this user can put it', async () => {
  await fakeNode(join(root, 'toolchain/node_modules/.bin/node'), 'v24.21.0');
  const cacheOf = async (env: Readonly<Record<string, string>>): Promise<string> =>
    /node (\S*) /.exec((await call(join(root, 'bin/vmesh'), ['x'], env)).stdout)?.[1] ?? '';
  expect(await cacheOf({ XDG_CACHE_HOME: bench.directory })).toBe(`${bench.directory}/virtmesh/node`);
  expect(await cacheOf({ XDG_CACHE_HOME: '', HOME: bench.directory })).toBe(`${bench.directory}/.cache/virtmesh/node`);
  expect(await cacheOf({ XDG_CACHE_HOME: join(bench.directory, 'none') })).toBe('');
  expect(await cacheOf({ XDG_CACHE_HOME: '', HOME: '' })).toBe('');
});

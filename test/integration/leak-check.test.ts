import { mkdir, mkdtemp, rm, rmdir } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { leaks, type RunMarks, takeFootprint } from '@virtmesh/tools/footprint';
import { runCommand } from '@virtmesh/tools/run-command';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { idleMachine } from '../support/domain-specs.ts';
import { makeDisk } from '../support/guest-image.ts';
import { TestSystem } from '../support/system.ts';

let marks: RunMarks;
beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'leaks-'));
  marks = { directory, environment: `VIRTMESH_TEST_RUN=${directory}` };
});
afterAll(async () => rm(marks.directory, { recursive: true, force: true }));

/** What the check sees between an action and its undoing. */
async function seenWhile(action: () => Promise<unknown>, undo: () => Promise<unknown>): Promise<readonly string[]> {
  const before = await takeFootprint(marks);
  await action();
  try {
    return leaks(before, await takeFootprint(marks));
  } finally {
    await undo();
  }
}

it('names a mount', async () => {
  const target = join(marks.directory, 'mounted');
  await mkdir(target);
  const seen = await seenWhile(
    () => runCommand(['mount', '-t', 'tmpfs', 'leaked', target]),
    () => runCommand(['umount', target]),
  );
  expect(seen).toContain(`mount leaked on ${target}`);
});

it('names a loop device', async () => {
  const disk = join(marks.directory, 'disk.raw');
  await makeDisk(disk, 1n << 20n, 'raw');
  let device = '';
  const seen = await seenWhile(
    async () => (device = (await runCommand(['losetup', '--find', '--show', disk])).trim()),
    () => runCommand(['losetup', '--detach', device]),
  );
  expect(seen).toContain(`loop device ${device.slice('/dev/'.length)} on ${disk}`);
});

it('names a network interface', async () => {
  const name = `vt${process.pid}`;
  const seen = await seenWhile(
    () => runCommand(['ip', 'link', 'add', name, 'type', 'bridge']),
    () => runCommand(['ip', 'link', 'delete', name]),
  );
  expect(seen).toContain(`network interface ${name}`);
});

it('names a network interface that a system leaves of a guest that is no more', async () => {
  const system = await TestSystem.start();
  const name = `vl${process.pid}`;
  let uid = '';
  try {
    const client = await system.client();
    ({ uid } = await client.run('guest', idleMachine()));
    await client.remove('guest');
    await runCommand(['ip', 'link', 'add', name, 'type', 'bridge']);
    await runCommand(['ip', 'link', 'set', 'dev', name, 'alias', `virtmesh:${uid}`]);
    expect(await system.traces(uid)).toEqual([`network interface ${name}`]);
  } finally {
    await expect(system[Symbol.asyncDispose]()).rejects.toThrow(`network interface ${name} of ${uid}`);
  }
  expect(existsSync(`/sys/class/net/${name}`)).toBe(false);
});

it('names a cgroup', async () => {
  const root = existsSync('/sys/fs/cgroup/cgroup.procs') ? '/sys/fs/cgroup' : '/sys/fs/cgroup/memory';
  const group = join(root, `virtmesh-leak-${process.pid}`);
  const seen = await seenWhile(
    () => mkdir(group),
    () => rmdir(group),
  );
  expect(seen).toContain(`cgroup ${group}`);
});

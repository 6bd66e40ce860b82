import { mkdir, mkdtemp, rm, rmdir } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { leaks, type RunMarks, takeFootprint } from '@virtmesh/tools/footprint';
import { runCommand } from '@virtmesh/tools/run-command';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeDisk } from '../support/guest-image.ts';

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

it('names a cgroup', async () => {
  const root = existsSync('/sys/fs/cgroup/cgroup.procs') ? '/sys/fs/cgroup' : '/sys/fs/cgroup/memory';
  const group = join(root, `virtmesh-leak-${process.pid}`);
  const seen = await seenWhile(
    () => mkdir(group),
    () => rmdir(group),
  );
  expect(seen).toContain(`cgroup ${group}`);
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { leaks, type RunMarks, takeFootprint } from './footprint.ts';

describe('footprint', () => {
  let marks: RunMarks;
  beforeEach(async () => {
    const directory = await mkdtemp(join(tmpdir(), 'virtmesh-footprint-'));
    marks = { directory, environment: `VIRTMESH_TEST_RUN=${directory}` };
  });
  afterEach(async () => rm(marks.directory, { recursive: true, force: true }));

  it('shows files of the run, and what was there before does not count', async () => {
    await writeFile(join(marks.directory, 'before'), '');
    const before = await takeFootprint(marks);
    await writeFile(join(marks.directory, 'socket'), '');
    const left = leaks(before, await takeFootprint(marks)).filter((line) => line.includes(marks.directory));
    expect(left).toEqual([`file ${marks.directory}/socket`]);
  });

  it.each([
    { how: 'environment', options: () => ({ env: { VIRTMESH_TEST_RUN: marks.directory, PATH: process.env['PATH'] } }), argv: ['60'] },
    { how: 'working directory', options: () => ({ env: {}, cwd: marks.directory }), argv: ['60'] },
  ])('shows processes of the run by their $how', async ({ options, argv }) => {
    const child = spawn('/bin/sleep', argv, { stdio: 'ignore', ...options() });
    await once(child, 'spawn');
    try {
      expect([...(await takeFootprint(marks))]).toContain(`process ${child.pid}: /bin/sleep 60`);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    expect([...(await takeFootprint(marks))]).not.toContain(`process ${child.pid}: /bin/sleep 60`);
  });
});

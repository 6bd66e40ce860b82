import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readTotals, totalsOf } from './results.ts';

const report = {
  numPassedTests: 3,
  numFailedTests: 1,
  numPendingTests: 1,
  numTodoTests: 1,
  testResults: [{ status: 'failed', assertionResults: [{ status: 'failed' }] }],
};

it('counts a file that could not even be loaded as a failed test', () => {
  expect(totalsOf(report)).toEqual({ passed: 3, failed: 1, skipped: 2 });
  expect(totalsOf({ ...report, testResults: [...report.testResults, { status: 'failed', assertionResults: [] }] })).toMatchObject({
    failed: 2,
  });
});

it('adds up the reports of one suite over all projects', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'virtmesh-results-'));
  try {
    for (const project of ['@virtmesh/a', '@virtmesh/b']) {
      await mkdir(join(directory, project), { recursive: true });
      await writeFile(join(directory, project, 'test.json'), JSON.stringify(report));
      await writeFile(join(directory, project, 'e2e.json'), JSON.stringify(report));
    }
    expect(await readTotals(directory, 'test')).toEqual({ passed: 6, failed: 2, skipped: 4 });
    expect(await readTotals(directory, 'faults')).toEqual({ passed: 0, failed: 0, skipped: 0 });
  } finally {
    await rm(directory, { recursive: true });
  }
});

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { failedTestsOf, readOutcome, totalsOf } from './results.ts';

const root = '/repository';
const failedFile = {
  name: `${root}/test/some.test.ts`,
  status: 'failed',
  message: '',
  assertionResults: [
    { fullName: 'a thing works', status: 'failed', failureMessages: ['Error: no\n    at line', 'Error: still not'] },
    { fullName: 'a thing stays', status: 'passed', failureMessages: [] },
  ],
};
const brokenFile = {
  name: `${root}/test/broken.test.ts`,
  status: 'failed',
  message: `no such module\n${'at some place\n'.repeat(50)}`,
  assertionResults: [],
};
const report = { numPassedTests: 3, numFailedTests: 1, numPendingTests: 1, numTodoTests: 1, testResults: [failedFile] };

it('counts a file that could not even be loaded as a failed test', () => {
  expect(totalsOf(report)).toEqual({ passed: 3, failed: 1, skipped: 2 });
  expect(totalsOf({ ...report, testResults: [failedFile, brokenFile] })).toMatchObject({ failed: 2 });
});

it('names what failed, with the beginning of each try’s error', () => {
  const [test, file] = failedTestsOf({ ...report, testResults: [failedFile, brokenFile] }, root);
  expect(test).toEqual({ name: 'test/some.test.ts: a thing works', reasons: ['Error: no\n    at line', 'Error: still not'] });
  expect(file?.name).toBe('test/broken.test.ts');
  expect(file?.reasons.join('')).toMatch(/^no such module\n(at some place\n?){11}$/);
});

it('adds up the reports of one suite over all projects', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'virtmesh-results-'));
  try {
    for (const project of ['@virtmesh/a', '@virtmesh/b']) {
      await mkdir(join(directory, project), { recursive: true });
      await writeFile(join(directory, project, 'test.json'), JSON.stringify(report));
      await writeFile(join(directory, project, 'e2e.json'), JSON.stringify(report));
    }
    const { totals, failed } = await readOutcome(directory, 'test', root);
    expect(totals).toEqual({ passed: 6, failed: 2, skipped: 4 });
    expect(failed.map(({ name }) => name)).toEqual(Array(2).fill('test/some.test.ts: a thing works'));
    expect(await readOutcome(directory, 'faults', root)).toMatchObject({ totals: { passed: 0, failed: 0, skipped: 0 }, failed: [] });
  } finally {
    await rm(directory, { recursive: true });
  }
});

import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** How many tests of a run ended how. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The part of vitest's JSON report that is read. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly { readonly status: string }[] }[];
}

/** No tests. */
export const noTests: Totals = { passed: 0, failed: 0, skipped: 0 };

/** The sum of two totals. */
export function plus(a: Totals, b: Totals): Totals {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/** Counts a report; a file that failed as a whole, without a failed test, counts as one failed test. */
export function totalsOf(report: Report): Totals {
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** Adds up the reports that a suite left behind, of whichever projects. */
export async function readTotals(directory: string, suite: string): Promise<Totals> {
  let sum = noTests;
  for await (const path of glob(`**/${suite}.json`, { cwd: directory })) {
    sum = plus(sum, totalsOf(JSON.parse(await readFile(join(directory, path), 'utf8')) as Report));
  }
  return sum;
}

import { glob, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

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
  readonly testResults: readonly FileReport[];
}

interface FileReport {
  /** Its absolute path. */
  readonly name: string;
  readonly status: string;
  /** Why the file failed as a whole. */
  readonly message: string;
  readonly assertionResults: readonly TestReport[];
}

interface TestReport {
  readonly fullName: string;
  readonly status: string;
  /** One for each try. */
  readonly failureMessages: readonly string[];
}

/** A test that failed, or a file that failed as a whole. */
export interface FailedTest {
  /** The file's path in the repository, and the test's name where there is one. */
  readonly name: string;
  /** The first lines of each try's error. */
  readonly reasons: readonly string[];
}

/** What a run's reports say. */
export interface Outcome {
  readonly totals: Totals;
  readonly failed: readonly FailedTest[];
}

/** No tests. */
export const noTests: Totals = { passed: 0, failed: 0, skipped: 0 };

/** The sum of two totals. */
export function plus(a: Totals, b: Totals): Totals {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

function isBroken(file: FileReport): boolean {
  return file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed');
}

/** Counts a report; a file that failed as a whole, without a failed test, counts as one failed test. */
export function totalsOf(report: Report): Totals {
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + report.testResults.filter(isBroken).length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** As much of an error as tells what went wrong: longer ones hold whole values. */
function firstLines(message: string): string {
  return message.split('\n').slice(0, 12).join('\n').slice(0, 1200);
}

/** The failed tests of a report, so that a long run can name them where it ends. */
export function failedTestsOf(report: Report, root: string): readonly FailedTest[] {
  return report.testResults.flatMap((file) => {
    const path = relative(root, file.name);
    if (isBroken(file)) return [{ name: path, reasons: [firstLines(file.message)] }];
    return file.assertionResults
      .filter((test) => test.status === 'failed')
      .map((test) => ({ name: `${path}: ${test.fullName}`, reasons: test.failureMessages.map(firstLines) }));
  });
}

/** Adds up the reports that a suite left behind, of whichever projects; `root` is the repository's. */
export async function readOutcome(directory: string, suite: string, root: string): Promise<Outcome> {
  let totals = noTests;
  const failed: FailedTest[] = [];
  for await (const path of glob(`**/${suite}.json`, { cwd: directory })) {
    const report = JSON.parse(await readFile(join(directory, path), 'utf8')) as Report;
    totals = plus(totals, totalsOf(report));
    failed.push(...failedTestsOf(report, root));
  }
  return { totals, failed };
}

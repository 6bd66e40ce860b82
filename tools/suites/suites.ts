import { globSync } from 'node:fs';

/** A suite of tests: what `./dev test` selects by name, and vitest by project. */
export interface Suite {
  readonly name: string;
  /** The nx target that runs it: of each package for unit tests, of the package `test` for the others. */
  readonly target: string;
  /** Whether it starts real components: it is slow, and its progress is shown. */
  readonly isSlow: boolean;
}

const slowSuites = ['integration', 'e2e', 'faults'];

/** The suites that have tests, in the order in which they run. */
export function allSuites(): readonly Suite[] {
  const slow = slowSuites.filter((name) => globSync(`test/${name}/**/*.test.ts`).length > 0);
  return [{ name: 'unit', target: 'test', isSlow: false }, ...slow.map((name) => ({ name, target: name, isSlow: true }))];
}

/** The command that runs a suite by nx, which answers from its cache where no input has changed. */
export function cachedCommand(suite: Suite, skipCache: boolean): readonly string[] {
  const style = suite.isSlow ? 'stream-without-prefixes' : 'static-failures-only';
  return ['nx', 'run-many', '-t', suite.target, '--parallel=2', `--outputStyle=${style}`, ...(skipCache ? ['--skipNxCache'] : [])];
}

/** The command that runs the files of a suite whose paths hold one of the words. */
export function filteredCommand(suite: Suite, words: readonly string[], resultFile: string): readonly string[] {
  return [
    'vitest',
    'run',
    '--project',
    suite.name,
    '--passWithNoTests',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${resultFile}`,
    ...words,
  ];
}

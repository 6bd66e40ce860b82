import { existsSync } from 'node:fs';

/** One thing that `./dev check` looks at: a command that exits with 0 when all is well. */
export interface Check {
  readonly name: string;
  readonly argv: readonly string[];
}

/** All checks: each takes seconds, none needs the network. The longest begin first. */
export function allChecks(): readonly Check[] {
  return [
    // In one run of all packages: a run of each would load most sources again and again. They take the longest and often
    // wait, so the others give way to them, and fill the waits.
    { name: 'unit tests', argv: ['vitest', 'run', '--project', 'unit', '--maxWorkers=100%'] },
    { name: 'lint', argv: ['nice', 'oxlint', '--type-aware'] },
    // What did not change since the last time is not looked at again: .cache keeps what was found.
    { name: 'types', argv: ['nice', 'tsc', '-p', '.', '--incremental', '--tsBuildInfoFile', '.cache/types.tsbuildinfo'] },
    { name: 'format', argv: ['nice', 'oxfmt', '--list-different'] },
    { name: 'contract lint', argv: ['nice', 'buf', 'lint'] },
    { name: 'contract format', argv: ['nice', 'buf', 'format', '--diff', '--exit-code'] },
    { name: 'contract breaking', argv: ['nice', 'node', 'tools/contract/main.ts'] },
    { name: 'dependency rules', argv: ['nice', 'node', 'tools/boundaries/main.ts'] },
    { name: 'unused code', argv: ['nice', 'knip', '--no-progress', '--cache', '--cache-location', '.cache/knip'] },
    { name: 'lock files', argv: ['nice', 'node', 'tools/lock/main.ts'] },
    ...(existsSync('tools/driver-table.ts') ? [{ name: 'driver table', argv: ['nice', 'node', 'tools/driver-table.ts', '--check'] }] : []),
  ];
}

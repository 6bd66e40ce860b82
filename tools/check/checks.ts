import { existsSync } from 'node:fs';

/** One thing that `./dev check` looks at: a command that exits with 0 when all is well. */
export interface Check {
  readonly name: string;
  readonly argv: readonly string[];
}

/** All checks: each takes seconds, none needs the network. The longest begin first. */
export function allChecks(): readonly Check[] {
  return [
    // In one run of all packages: a run of each would load most sources again and again.
    { name: 'unit tests', argv: ['vitest', 'run', '--project', 'unit', '--maxWorkers=100%'] },
    // What did not change since the last time is not looked at again: .cache keeps what was found.
    { name: 'types', argv: ['tsc', '-p', '.', '--incremental', '--tsBuildInfoFile', '.cache/types.tsbuildinfo'] },
    { name: 'lint', argv: ['oxlint', '--type-aware'] },
    { name: 'format', argv: ['oxfmt', '--list-different'] },
    { name: 'contract lint', argv: ['buf', 'lint'] },
    { name: 'contract format', argv: ['buf', 'format', '--diff', '--exit-code'] },
    { name: 'contract breaking', argv: ['node', 'tools/contract/main.ts'] },
    { name: 'dependency rules', argv: ['node', 'tools/boundaries/main.ts'] },
    { name: 'unused code', argv: ['knip', '--no-progress', '--cache', '--cache-location', '.cache/knip'] },
    { name: 'lock files', argv: ['node', 'tools/lock/main.ts'] },
    ...(existsSync('tools/driver-table.ts') ? [{ name: 'driver table', argv: ['node', 'tools/driver-table.ts', '--check'] }] : []),
  ];
}

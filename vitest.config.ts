import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// When nx runs a suite, its result is kept where ./dev test adds the suites up: .cache/results/{project}/{target}.json.
const { NX_TASK_TARGET_PROJECT: project, NX_TASK_TARGET_TARGET: target } = process.env;
const results = join(import.meta.dirname, '.cache/results', project ?? '');
const resultFile = project && target ? join(results, `${target}.json`) : undefined;
if (resultFile) mkdirSync(results, { recursive: true });

/** What is waited for comes at once on a quiet machine; a busy one must not make a test fail. */
const patient = { expect: { poll: { timeout: 20_000 } } };

/** Tests that start real processes stand beside what they test, and run with the integration tests. */
const realProcesses = [
  'clients/cli/src/{vmesh,console/console,completion/shells}.test.ts',
  'libs/drivers/qemu/src/{lifecycle,features}/**/*.test.ts',
  'libs/drivers/qemu/src/{conformance,argv/real-qemu,argv/boots,probe/probe}.test.ts',
  'libs/drivers/{lxc,support}/src/**/*.real.test.ts',
  'libs/drivers/qemu/src/process/qcow2.test.ts',
  'libs/drivers/test/src/{conformance,simulated}.test.ts',
  'libs/host/src/{network,terminal}.test.ts',
  'libs/kit/src/{run-service,reflection,rpc/liveness}.test.ts',
  'libs/store/src/{killed,power-cut}.test.ts',
  'tools/cases/{cases,repository}.test.ts',
];

/** Suites on real components share two cores, and measure time: one file at a time. */
function realComponents(name: string, testTimeout: number, also: readonly string[] = []) {
  return {
    test: {
      ...patient,
      name,
      include: [`test/${name}/**/*.test.ts`, ...also],
      exclude: ['**/node_modules/**'],
      fileParallelism: false,
      // A landing does not hang on one hiccup of a real component; the report says what needed a second try.
      retry: process.env['CI'] ? 1 : 0,
      testTimeout,
      hookTimeout: 120_000,
      teardownTimeout: 30_000,
    },
  };
}

export default defineConfig({
  test: {
    passWithNoTests: false,
    reporters: resultFile ? ['default', ['json', { outputFile: resultFile }]] : ['default'],
    projects: [
      {
        test: {
          ...patient,
          name: 'unit',
          include: ['{libs,services,clients}/**/src/**/*.test.ts', 'tools/**/*.test.ts', 'test/architecture/**/*.test.ts'],
          exclude: ['**/node_modules/**', ...realProcesses],
          testTimeout: 60_000,
          // No module keeps state, so test files can share what they import: half the time.
          isolate: false,
          // Node runs the sources itself, as it does in production; no test replaces a module.
          experimental: { viteModuleRunner: false, nodeLoader: false },
        },
      },
      realComponents('integration', 60_000, realProcesses),
      realComponents('e2e', 300_000),
      realComponents('faults', 600_000),
    ],
  },
});

import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { startVitest, type Vitest } from 'vitest/node';
import { productSources } from './product-sources.ts';
import { findMakers, type Makers, readRules, type RuleFile, type RuleSite } from './rule-sites.ts';

/** A rule, and the test that would miss it. */
export interface RuleCase extends RuleSite {
  /** `path: name`; absent where no test would. */
  readonly test?: string;
}

/** What was found of the rules of the product. */
export interface RuleCases {
  readonly rules: readonly RuleCase[];
  /** Places where rules cannot be told apart, as `path:line:column`. */
  readonly blurred: readonly string[];
  /** Tests that fail with all rules whole, and why. */
  readonly failures: readonly string[];
}

/** Finds the case of each rule: runs the tests that `tests` names by globs, with each rule broken in turn. */
export async function findRuleCases(root: string, tests: readonly string[]): Promise<RuleCases> {
  const files = await readRuleFiles(root);
  const sites = [...files.values()].flatMap((file) => file.sites);
  const { guarded, failures } = await runTests(root, tests, files);
  return {
    rules: sites.map((site) => {
      const test = guarded.get(site.id);
      return test === undefined ? site : { ...site, test };
    }),
    blurred: [...files.values()].flatMap((file) => file.blurred),
    failures,
  };
}

/** The files with rules, by path from the root. */
async function readRuleFiles(root: string): Promise<ReadonlyMap<string, RuleFile>> {
  const texts = new Map<string, string>();
  for await (const path of productSources(root)) texts.set(path, await readFile(join(root, path), 'utf8'));
  const makers: Makers = new Map(
    [...texts].flatMap(([path, text]) => [...findMakers(path, text)].filter(([, { reach }]) => reach !== 'file')),
  );
  const files = [...texts].map(([path, text]) => [path, readRules(path, text, makers)] as const);
  return new Map(files.filter(([, { sites, blurred }]) => sites.length + blurred.length > 0).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

async function runTests(root: string, tests: readonly string[], files: ReadonlyMap<string, RuleFile>): Promise<TestResults> {
  const vitest = await startVitest(
    [],
    {
      root,
      config: false,
      watch: false,
      include: [...tests],
      runner: fileURLToPath(new URL('rule-runner.ts', import.meta.url)),
      reporters: [{}],
      testTimeout: 60_000,
      passWithNoTests: true,
      // Loading the same modules anew for each file would take most of the time.
      isolate: false,
      // What is under control must not be taken for the source by another run.
      fsModuleCache: false,
    },
    {
      plugins: [
        {
          name: 'rules-under-control',
          enforce: 'pre',
          transform: (_code, id) => files.get(relative(root, id.split('?')[0] ?? ''))?.code,
        },
      ],
    },
  );
  try {
    return resultsOf(root, vitest);
  } finally {
    await vitest.close();
    // A run with failed tests marks the process so; what the check found is for its caller to tell.
    process.exitCode = undefined;
  }
}

interface TestResults {
  /** The rules that have a case, by their ids, and that. */
  readonly guarded: ReadonlyMap<string, string>;
  readonly failures: readonly string[];
}

function resultsOf(root: string, vitest: Vitest): TestResults {
  const guarded = new Map<string, string>();
  const failures = vitest.state.getUnhandledErrors().map((thrown) => inspect(thrown));
  for (const module of vitest.state.getTestModules()) {
    const path = relative(root, module.moduleId);
    // A hook that failed stands with its suite, whose tests then did not run.
    for (const suite of [module, ...module.children.allSuites()])
      failures.push(...suite.errors().map(({ message }) => `${path}: ${message}`));
    for (const test of module.children.allTests()) {
      const { state, errors } = test.result();
      if (state === 'failed') failures.push(`${path}: ${test.fullName}: ${errors?.[0]?.message ?? ''}`);
      else for (const site of test.meta().guards ?? []) guarded.set(site, `${path}: ${test.fullName}`);
    }
  }
  return { guarded, failures };
}

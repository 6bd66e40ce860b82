import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { startVitest, type Vitest } from 'vitest/node';
import { productSources } from './product-sources.ts';
import { findMakers, type Makers, readRules, type RuleFile, type RuleSite } from './rule-sites.ts';

/** What was found of the rules of the product. */
export interface RuleCases {
  /** How many rules there are. */
  readonly count: number;
  /** Rules that no test would miss. */
  readonly uncovered: readonly RuleSite[];
  /** Places where rules cannot be told apart, as `path:line:column`. */
  readonly blurred: readonly string[];
  /** Tests that fail with all rules whole, and why. */
  readonly failures: readonly string[];
}

/** Finds the rules without a case: runs the tests that `tests` names by globs, with each rule broken in turn. */
export async function findRuleCases(root: string, tests: readonly string[]): Promise<RuleCases> {
  const files = await readRuleFiles(root);
  const sites = [...files.values()].flatMap((file) => file.sites);
  const { guarded, failures } = await runTests(root, tests, files);
  return {
    count: sites.length,
    uncovered: sites.filter(({ id }) => !guarded.has(id)),
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

async function runTests(
  root: string,
  tests: readonly string[],
  files: ReadonlyMap<string, RuleFile>,
): Promise<{ guarded: ReadonlySet<string>; failures: readonly string[] }> {
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
    return resultsOf(vitest);
  } finally {
    await vitest.close();
    // A run with failed tests marks the process so; what the check found is for its caller to tell.
    process.exitCode = undefined;
  }
}

function resultsOf(vitest: Vitest): { guarded: ReadonlySet<string>; failures: readonly string[] } {
  const guarded = new Set<string>();
  const failures = vitest.state.getUnhandledErrors().map((thrown) => inspect(thrown));
  for (const module of vitest.state.getTestModules()) {
    failures.push(...module.errors().map((error) => `${module.moduleId}: ${error.message}`));
    for (const test of module.children.allTests()) {
      const { state, errors } = test.result();
      if (state === 'failed') failures.push(`${module.moduleId}: ${test.fullName}: ${errors?.[0]?.message ?? ''}`);
      else for (const site of test.meta().guards ?? []) guarded.add(site);
    }
  }
  return { guarded, failures };
}

import { glob, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startVitest, type Vitest } from 'vitest/node';
import type { RuleArea } from './rule-areas.ts';
import { findMakers, type Makers, readRules, type RuleFile, type RuleSite } from './rule-sites.ts';

/** What was found of the rules of some areas. */
export interface RuleCases {
  /** How many rules there are. */
  readonly count: number;
  /** Rules that no test would miss. */
  readonly uncovered: readonly RuleSite[];
  /** Places where rules cannot be told apart. */
  readonly blurred: readonly string[];
  /** Tests that fail with all rules whole. */
  readonly failures: readonly string[];
}

/** Finds the rules without a case: runs the tests of the areas, with each rule broken in turn. */
export async function findRuleCases(root: string, areas: readonly RuleArea[]): Promise<RuleCases> {
  const files = await readAreas(root, areas);
  const sites = [...files.values()].flatMap((file) => file.sites);
  const { guarded, failures } = await runTests(root, areas.flatMap(({ tests }) => tests), files);
  return {
    count: sites.length,
    uncovered: sites.filter(({ id }) => !guarded.has(id)),
    blurred: [...files.values()].flatMap((file) => file.blurred),
    failures,
  };
}

const isRuleFile = (path: string): boolean => path.endsWith('.ts') && !path.endsWith('.test.ts') && !path.includes('/testing/') && !path.includes('/gen/');

/** The files with rules, by path from the root. */
async function readAreas(root: string, areas: readonly RuleArea[]): Promise<Map<string, RuleFile>> {
  const texts = new Map<string, string>();
  for await (const path of glob(areas.flatMap(({ rules }) => rules), { cwd: root })) {
    if (isRuleFile(path)) texts.set(path, await readFile(join(root, path), 'utf8'));
  }
  const makers: Makers = new Map([...texts].flatMap(([path, text]) => [...findMakers(path, text)]));
  const files = [...texts].map(([path, text]) => [path, readRules(path, text, makers)] as const);
  return new Map(files.filter(([, file]) => file.sites.length > 0).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

async function runTests(
  root: string,
  tests: readonly string[],
  files: ReadonlyMap<string, RuleFile>,
): Promise<{ guarded: ReadonlySet<string>; failures: readonly string[] }> {
  const vitest = await startVitest(
    'test',
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
    // The framework marks a run with failed tests by this; what the check found is the caller's to tell.
    process.exitCode = undefined;
  }
}

function resultsOf(vitest: Vitest): { guarded: ReadonlySet<string>; failures: readonly string[] } {
  const guarded = new Set<string>();
  const failures = vitest.state.getUnhandledErrors().map((thrown) => String(thrown));
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

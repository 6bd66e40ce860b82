import { type RunnerTestCase, TestRunner } from 'vitest';
import { RuleControl } from './rule-control.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** The rules that this test was seen to fail without. */
    guards?: string[];
  }
}

/**
 * Runs each test, then runs it again with each rule broken that it reached. A rule has a case if the test then fails, and
 * passes again with the rule whole: what the first attempt left behind cannot be what made it fail.
 */
export class RuleRunner extends TestRunner {
  readonly #control = RuleControl.install();
  readonly #guarded = new Set<string>();

  async runTask(test: RunnerTestCase): Promise<void> {
    const run = TestRunner.getTestFn(test);
    this.#control.takeReached();
    await run();
    const guards: string[] = [];
    for (const site of this.#control.takeReached()) {
      if (this.#guarded.has(site)) continue;
      if (!(await this.#failsWithout(site, run))) continue;
      if (!(await passes(run))) break;
      this.#guarded.add(site);
      guards.push(site);
    }
    test.meta.guards = guards;
  }

  async #failsWithout(site: string, run: () => unknown): Promise<boolean> {
    this.#control.broken = site;
    try {
      return !(await passes(run));
    } finally {
      this.#control.broken = undefined;
    }
  }
}

async function passes(run: () => unknown): Promise<boolean> {
  try {
    await run();
    return true;
  } catch {
    return false;
  }
}

// The test framework loads a runner by its default export.
// oxlint-disable-next-line import/no-default-export
export default RuleRunner;

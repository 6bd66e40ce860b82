import type { FeatureName } from '@virtmesh/driver-spi';
import { afterAll, beforeAll, describe, test, type TestContext } from 'vitest';
import { AgentBench, type Kept } from './agent-life.ts';
import type { Subject } from './subject.ts';

/** The bench of a group of cases, opened before the first. */
export interface Suite {
  readonly bench: AgentBench;
  /** A case with a guest of its own, defined and not started; it is ended afterwards. */
  readonly guest: (name: string, kind: 'minimal' | 'rich', run: (kept: Kept, bench: AgentBench) => Promise<void>) => void;
  /** As `guest`, for what needs features: without them the case is skipped, and the capabilities' cases say why. */
  readonly feature: (
    names: FeatureName | readonly FeatureName[],
    name: string,
    kind: 'minimal' | 'rich',
    run: (kept: Kept, bench: AgentBench, context: TestContext) => Promise<void>,
  ) => void;
  readonly test: (name: string, run: (bench: AgentBench) => Promise<void>) => void;
}

/** A group of cases over one bench. */
export function suite(subject: Subject, name: string, register: (suite: Suite) => void): void {
  describe(name, () => {
    let opened: AgentBench | undefined;
    const bench = (): AgentBench => {
      if (!opened) throw new Error('the subject was not opened');
      return opened;
    };
    beforeAll(async () => {
      opened = await AgentBench.open(await subject.open());
    });
    afterAll(() => opened?.[Symbol.asyncDispose]());
    const withGuest = async (kind: 'minimal' | 'rich', run: (kept: Kept, bench: AgentBench) => Promise<void>): Promise<void> => {
      const kept = bench().define(await bench().host[kind]());
      try {
        await run(kept, bench());
      } finally {
        await bench().finish(kept);
      }
    };
    register({
      get bench() {
        return bench();
      },
      guest: (title, kind, run) => test(title, () => withGuest(kind, run)),
      feature: (names, title, kind, run) =>
        test(title, async (context) => {
          const missing = [names].flat().filter((each) => !bench().driver.features[each]);
          if (missing.length > 0) context.skip(`the driver has no ${missing.join(' and no ')}`);
          await withGuest(kind, (kept, of) => run(kept, of, context));
        }),
      test: (title, run) => test(title, () => run(bench())),
    });
  });
}

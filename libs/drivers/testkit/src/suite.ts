import type { FeatureName } from '@virtmesh/driver-spi';
import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest';
import { AgentBench, type Kept } from './agent-bench.ts';
import type { GuestAct, Subject } from './subject.ts';

/** The bench of a group of cases, opened before the first. */
export interface Suite {
  readonly bench: AgentBench;
  /** A case with a guest of its own, defined and not started; it is ended afterwards. */
  readonly guest: (name: string, kind: 'minimal' | 'rich', run: GuestCase) => void;
  /** As `guest`, for what needs features: without them the case is skipped, and the capabilities' cases say why. */
  readonly feature: (names: FeatureName | readonly FeatureName[], name: string, kind: 'minimal' | 'rich', run: GuestCase) => void;
  /** As `feature`, for what a guest has to answer: such cases of a group share one rich guest, which runs and answers, and leave it as it was. Skipped where rich guests cannot be asked. */
  readonly asked: (names: FeatureName | readonly FeatureName[], name: string, run: GuestCase) => void;
  /** As `guest`, for what a rich guest does by itself; skipped where the subject cannot make it. The guest runs, answers, and then `act` makes it. */
  readonly act: (act: GuestAct, name: string, run: (kept: Kept, bench: AgentBench, act: () => Promise<void>) => Promise<void>) => void;
  readonly test: (name: string, run: (bench: AgentBench) => Promise<void>) => void;
}

type GuestCase = (kept: Kept, bench: AgentBench, context: TestContext) => Promise<void>;

/** How long a case with a guest that answers may take, its boot on a busy host too. */
const askedMs = 120_000;

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
    const withGuest = async (kind: 'minimal' | 'rich', context: TestContext, run: GuestCase): Promise<void> => {
      const kept = bench().define(await bench().host[kind](), context.task.name);
      try {
        await run(kept, bench(), context);
      } finally {
        await bench().finish(kept);
      }
      // What is told still later is seen when the bench closes.
      expect(kept.law.breaches).toEqual([]);
    };
    let shared: Kept | undefined;
    const withShared = async (context: TestContext, run: GuestCase): Promise<void> => {
      const kept = shared ?? bench().define(await bench().host.rich(), `the guest that the cases of ${name} share`);
      try {
        if (shared) await bench().adopt(kept);
        else await bench().ready(kept);
        await run(kept, bench(), context);
      } catch (thrown) {
        shared = undefined;
        await bench().finish(kept);
        throw thrown;
      }
      shared = kept;
      expect(kept.law.breaches).toEqual([]);
    };
    const needFeatures = (names: FeatureName | readonly FeatureName[], context: TestContext): void => {
      const missing = [names].flat().filter((each) => !bench().driver.features[each]);
      if (missing.length > 0) context.skip(`the driver has no ${missing.join(' and no ')}`);
    };
    register({
      get bench() {
        return bench();
      },
      guest: (title, kind, run) => test(title, (context) => withGuest(kind, context, run)),
      feature: (names, title, kind, run) =>
        test(title, async (context) => {
          needFeatures(names, context);
          await withGuest(kind, context, run);
        }),
      asked: (names, title, run) =>
        test(title, { timeout: askedMs }, async (context) => {
          needFeatures(names, context);
          if (!bench().host.answersAgent) return context.skip('rich guests of the subject cannot be asked');
          await withShared(context, run);
        }),
      act: (name, title, run) =>
        test(title, async (context) => {
          const act = bench().host.acts[name];
          if (!act) return context.skip(`the subject's guests cannot be made to ${name}`);
          await withGuest('rich', context, async (kept, of) => {
            await of.ready(kept);
            await run(kept, of, () => act(kept.guest, of.driver));
          });
        }),
      test: (title, run) => test(title, () => run(bench())),
    });
  });
}

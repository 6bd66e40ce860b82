import { runSteps, undoSteps } from '@virtmesh/base';
import { expect } from 'vitest';
import { type AgentBench, type Kept, soon } from '../agent-bench.ts';
import type { Subject } from '../subject.ts';
import { suite } from '../suite.ts';

/** Starts that fail, are aborted or give way to a destroy, at each of their steps. */
export const brokenStartCases = (subject: Subject): void =>
  suite(subject, 'starts that do not come to their end', ({ guest }) => {
    guest('one that fails after a step takes back what it did, at each step', 'rich', async (kept, bench) => {
      for (const step of stepsOf(bench, kept)) {
        const undoFaults: unknown[] = [];
        const observer = {
          after: (name: string): void => {
            if (name === step) throw new Error(`planted after ${step}`);
          },
          undoFailed: (_: string, thrown: unknown): void => void undoFaults.push(thrown),
        };
        await expect(bench.start(kept, { observer }), step).rejects.toThrow(`planted after ${step}`);
        expect(undoFaults, step).toEqual([]);
        await expectNothing(bench, kept, step);
      }
      await bench.start(kept);
      expect(await bench.observe(kept)).toMatchObject({ state: 'running' });
    });

    guest('one that is aborted in a step takes back what it did, at each step', 'rich', async (kept, bench) => {
      for (const step of stepsOf(bench, kept)) {
        const abort = new AbortController();
        kept.law.begin();
        const plan = bench.driver.lifecycle.planStart(bench.order(kept));
        const steps = plan.steps.map((each) =>
          each.name === step
            ? {
                ...each,
                run: async (signal: AbortSignal): Promise<void> => {
                  const running = each.run(signal);
                  abort.abort();
                  await running;
                },
              }
            : each,
        );
        // The last step may be done before it sees the abort, and then the start is its caller's to keep or to take back.
        const done = await runSteps(steps, abort.signal).then(
          () => true,
          () => false,
        );
        if (done) {
          expect(step).toBe(plan.steps.at(-1)?.name);
          await end(bench, kept);
        } else await expectNothing(bench, kept, step);
      }
      await bench.start(kept);
    });

    guest('one takes back what it did when each undo is run twice, at each step', 'rich', async (kept, bench) => {
      for (const [index, step] of stepsOf(bench, kept).entries()) {
        kept.law.begin();
        const { steps } = bench.driver.lifecycle.planStart(bench.order(kept));
        const begun = steps.slice(0, index + 1);
        for (const each of begun) await each.run(soon());
        for (const each of begun.toReversed()) for (let times = 0; times < 2; times++) await each.undo?.();
        // A guest that runs is its caller's: no undo ends it, but a destroy.
        if (index === steps.length - 1 && (await bench.observe(kept)).state !== 'gone') await end(bench, kept);
        else await expectNothing(bench, kept, step);
      }
      await bench.start(kept);
    });

    guest('one of a guest that runs is refused, and takes nothing from it', 'rich', async (kept, bench) => {
      const { observed } = await bench.start(kept);
      const again = bench.driver.lifecycle.planStart(bench.order(kept));
      const refused = { reason: expect.stringMatching(/^(STATE_INVALID|RESOURCE_IN_USE)$/) };
      await expect(runSteps(again.steps, soon())).rejects.toMatchObject(refused);
      expect(await bench.observe(kept)).toMatchObject({ state: 'running', pid: observed.pid });
      expect(bench.of(kept).filter(({ t }) => t === 'exited')).toEqual([]);
    });

    guest('one whose caller has given up already begins nothing, at each step', 'rich', async (kept, bench) => {
      for (const [index, step] of stepsOf(bench, kept).entries()) {
        kept.law.begin();
        const { steps } = bench.driver.lifecycle.planStart(bench.order(kept));
        const begun = steps.slice(0, index + 1);
        for (const each of begun.slice(0, -1)) await each.run(soon());
        // A step that waits for nothing may be done before it looks at the signal.
        await Promise.resolve(begun.at(-1)?.run(AbortSignal.abort())).catch(() => {});
        await undoSteps(begun, { undoFailed: (_, thrown) => expect(thrown, step).toBeUndefined() });
        if (index === steps.length - 1 && (await bench.observe(kept)).state !== 'gone') await end(bench, kept);
        else await expectNothing(bench, kept, step);
      }
    });

    guest('one gives way to a destroy that comes in a step, at each step', 'rich', async (kept, bench) => {
      for (const step of stepsOf(bench, kept)) {
        let destroyed: Promise<void> = Promise.resolve();
        const started = await bench
          .start(kept, { observer: { before: (name) => void (name === step && (destroyed = bench.preempt(kept))) } })
          .then(
            () => true,
            () => false,
          );
        await destroyed;
        if (started) {
          await end(bench, kept);
        } else await expectNothing(bench, kept, step);
        expect(await bench.observe(kept), step).toMatchObject({ state: 'gone' });
      }
    });

    guest('one that an agent left half made is ended at its adoption, at each step', 'rich', async (kept, bench) => {
      const steps = stepsOf(bench, kept);
      for (const [index, step] of steps.entries()) {
        kept.record = undefined;
        kept.law.begin();
        const plan = bench.driver.lifecycle.planStart(bench.order(kept));
        for (const each of plan.steps.slice(0, index + 1)) await each.run(soon());
        await bench.renew();
        // Nothing was touched before the first record.
        if (kept.record) {
          const { state } = await bench.adopt(kept);
          expect(state, step).toBe(index === steps.length - 1 ? 'running' : 'gone');
          await bench.destroy(kept);
          await bench.driver.lifecycle.release(kept.guest, kept.record);
        }
        expect(await bench.host.traces(kept.guest.uid), step).toEqual([]);
      }
    });
  });

const stepsOf = (bench: AgentBench, kept: Kept): readonly string[] =>
  bench.driver.lifecycle.planStart(bench.order(kept)).steps.map(({ name }) => name);

/** Ends a guest whose start came to its end. */
async function end(bench: AgentBench, kept: Kept): Promise<void> {
  await bench.destroy(kept);
  await bench.driver.lifecycle.release(kept.guest, kept.record ?? {});
}

async function expectNothing(bench: AgentBench, kept: Kept, step: string): Promise<void> {
  // What comes after the undo would be taken for the next life of the guest.
  await bench.over(kept, `its start was undone after ${step}`);
  expect(await bench.observe(kept), step).toMatchObject({ state: 'gone' });
  expect(await bench.host.traces(kept.guest.uid), step).toEqual([]);
  expect(kept.law.breaches, step).toEqual([]);
}

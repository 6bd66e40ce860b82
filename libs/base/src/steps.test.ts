import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from './fault.ts';
import { runSteps, type Step, undoSteps } from './steps.ts';

const recorded = (name: string, log: string[], fail?: () => void): Step => ({
  name,
  run: () => {
    log.push(`run ${name}`);
    fail?.();
  },
  undo: () => void log.push(`undo ${name}`),
});

describe('runSteps', () => {
  it('undoes what was begun, the failed step too, in reverse', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 6 }), fc.nat(5), async (count, failing) => {
        const log: string[] = [];
        const steps = Array.from({ length: count }, (_, index) =>
          recorded(
            String(index),
            log,
            index === failing
              ? () => {
                  throw new Error('planted');
                }
              : undefined,
          ),
        );
        const run = runSteps(steps, new AbortController().signal);
        if (failing >= count) {
          await run;
          expect(log).toEqual(steps.map((step) => `run ${step.name}`));
          return;
        }
        await expect(run).rejects.toThrow('planted');
        const begun = steps.slice(0, failing + 1).map((step) => step.name);
        expect(log).toEqual([...begun.map((name) => `run ${name}`), ...begun.toReversed().map((name) => `undo ${name}`)]);
      }),
    );
  });

  it('stops between steps at an abort and throws its fault', async () => {
    const log: string[] = [];
    const abort = new AbortController();
    const fault = new Fault('OPERATION_PREEMPTED', 'destroyed');
    const steps = [recorded('a', log, () => abort.abort(fault)), recorded('b', log)];
    await expect(runSteps(steps, abort.signal)).rejects.toBe(fault);
    expect(log).toEqual(['run a', 'undo a']);
  });

  it('counts a failing observer as the failure of its step', async () => {
    const log: string[] = [];
    const after = (step: string): void => {
      if (step === 'b') throw new Error('planted');
    };
    await expect(
      runSteps([recorded('a', log), recorded('b', log), recorded('c', log)], new AbortController().signal, { after }),
    ).rejects.toThrow('planted');
    expect(log).toEqual(['run a', 'run b', 'undo b', 'undo a']);
  });

  it('goes on undoing where an undo fails', async () => {
    const log: string[] = [];
    const failed: string[] = [];
    const broken: Step = {
      name: 'b',
      run: () => {},
      undo: () => {
        throw new Error('planted');
      },
    };
    await undoSteps([recorded('a', log), broken], { undoFailed: (step) => void failed.push(step) });
    expect(log).toEqual(['undo a']);
    expect(failed).toEqual(['b']);
  });
});

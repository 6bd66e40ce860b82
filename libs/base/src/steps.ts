import { Fault } from './fault.ts';

/**
 * One named part of a longer work. Nobody knows after a crash how far it had come: whoever plans the steps says whether a
 * new plan may be run over what is there, or whether that must be taken back first.
 */
export interface Step {
  /** Stable, kebab-case: progress, logs, failpoints and recovery hang on it. */
  readonly name: string;
  /** Repeatable only where whoever plans it says so. */
  run(signal: AbortSignal): Promise<void> | void;
  /** Takes back what `run` did, also where it did only a part or nothing. Repeatable. Absent where there is nothing to take back. */
  undo?(): Promise<void> | void;
}

export interface StepObserver {
  /** Called before a step runs and after it has run; a throw counts as the step's failure. */
  before?(step: string, index: number, count: number): Promise<void> | void;
  after?(step: string, index: number, count: number): Promise<void> | void;
  /** Called when an undo itself fails; the other undos still run. */
  undoFailed?(step: string, thrown: unknown): void;
}

/** Runs steps in order. At a failure or abort it undoes the begun ones in reverse and throws what went wrong. */
export async function runSteps(steps: readonly Step[], signal: AbortSignal, observer: StepObserver = {}): Promise<void> {
  let begun = 0;
  try {
    for (const [index, step] of steps.entries()) {
      if (signal.aborted) throw abortFault(signal);
      await observer.before?.(step.name, index, steps.length);
      begun = index + 1;
      await step.run(signal);
      await observer.after?.(step.name, index, steps.length);
    }
  } catch (thrown) {
    await undoSteps(steps.slice(0, begun), observer);
    throw thrown;
  }
}

/** Undoes steps in reverse order; a failing undo does not keep the others from running. */
export async function undoSteps(steps: readonly Step[], observer: StepObserver = {}): Promise<void> {
  for (const step of steps.toReversed()) {
    try {
      await step.undo?.();
    } catch (thrown) {
      observer.undoFailed?.(step.name, thrown);
    }
  }
}

/** Why a signal was aborted, as a Fault: the abort's own reason if it is one, else OPERATION_CANCELLED. */
export function abortFault(signal: AbortSignal): Fault {
  if (signal.reason instanceof Fault) return signal.reason;
  if (signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError') {
    return new Fault('DEADLINE_EXCEEDED', 'the deadline passed before the work was done; raise the timeout and retry');
  }
  return new Fault('OPERATION_CANCELLED', 'the operation was cancelled', {}, { cause: signal.reason });
}

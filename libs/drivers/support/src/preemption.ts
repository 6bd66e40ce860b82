import { Fault, raceAbort, type Step } from '@virtmesh/base';
import type { GuestRef } from '@virtmesh/driver-spi';

/** How a start gives way to a destroy, which may come at any time: all steps of the start are made here. */
export class Preemption {
  readonly #guest: GuestRef;
  readonly #abort = new AbortController();
  /** The step that runs now, or ran last. */
  #step: Promise<void> = Promise.resolve();

  constructor(guest: GuestRef) {
    this.#guest = guest;
  }

  /** A step that fails with OPERATION_PREEMPTED once the start has given way; its signal tells it while it runs. */
  step(name: string, run: (signal: AbortSignal) => Promise<void>, undo?: () => Promise<void>): Step {
    return {
      name,
      run: async (signal) => {
        this.throwIfPreempted();
        await (this.#step = run(AbortSignal.any([signal, this.#abort.signal])));
      },
      ...(undo ? { undo } : {}),
    };
  }

  /** Throws OPERATION_PREEMPTED where the start has given way. */
  throwIfPreempted(): void {
    this.#abort.signal.throwIfAborted();
  }

  /** Makes the step that runs, or the next one, fail, and resolves when none runs. */
  async preempt(signal: AbortSignal): Promise<void> {
    const { id, uid } = this.#guest;
    this.#abort.abort(new Fault('OPERATION_PREEMPTED', `the start of ${id} gave way to its destruction`, { uid }));
    await raceAbort(
      this.#step.catch(() => {}),
      signal,
    );
  }
}

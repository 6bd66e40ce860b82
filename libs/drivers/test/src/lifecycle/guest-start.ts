import { Fault, raceAbort, type Step } from '@virtmesh/base';
import type { Observed, Started, StartOrder, StartPlan } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { readSavedState } from '../features/state-file.ts';
import { profileOf } from '../spec/profile.ts';
import { observedOf } from './observe.ts';
import { encodeRecord } from './record.ts';
import type { PreemptibleStart } from './start-table.ts';

const undoTimeoutMs = 10_000;

/** One start of a guest: `reserve` finds the simulator, `create` makes the guest in it, `run` lets it go. */
export class GuestStart implements PreemptibleStart {
  readonly #context: DriverContext;
  readonly #order: StartOrder;
  readonly #preempted = new AbortController();
  /** The step that runs now. */
  #running: Promise<void> = Promise.resolve();
  #created = false;
  #observed: Observed | undefined;

  constructor(context: DriverContext, order: StartOrder) {
    this.#context = context;
    this.#order = order;
  }

  plan(): StartPlan<Step> {
    return {
      steps: [
        { name: 'reserve', run: (signal) => this.#run(() => this.#reserve(signal)), undo: () => this.#end() },
        { name: 'create', run: (signal) => this.#run(() => this.#create(this.#either(signal))), undo: () => this.#discard() },
        { name: 'run', run: (signal) => this.#run(() => this.#letGo(this.#either(signal))) },
      ],
      started: () => {
        if (!this.#observed) throw new Fault('INTERNAL_BUG', 'the steps of a start were run out of order');
        return { observed: this.#observed, activeSpec: this.#order.spec } satisfies Started;
      },
    };
  }

  async preempt(signal: AbortSignal): Promise<void> {
    const { id, uid } = this.#order.guest;
    this.#preempted.abort(new Fault('OPERATION_PREEMPTED', `the start of ${id} gave way to its destruction`, { uid }));
    await raceAbort(
      this.#running.catch(() => {}),
      signal,
    );
  }

  #run(step: () => Promise<void>): Promise<void> {
    if (this.#preempted.signal.aborted) return Promise.reject(this.#preempted.signal.reason as Fault);
    return (this.#running = step());
  }

  #either(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, this.#preempted.signal]);
  }

  async #reserve(signal: AbortSignal): Promise<void> {
    const { guest, spec } = this.#order;
    this.#context.starts.begin(guest.uid, this);
    const { instance } = await this.#context.link.identity(signal);
    this.#order.save(encodeRecord({ instance }), spec);
  }

  async #end(): Promise<void> {
    this.#context.starts.end(this.#order.guest.uid);
  }

  async #create(signal: AbortSignal): Promise<void> {
    const { guest, restore, spec } = this.#order;
    const state = restore ? await readSavedState(this.#context.host.files, restore) : undefined;
    this.#created = true;
    const order = { uid: guest.uid, id: guest.id, profile: profileOf(spec), ...(state === undefined ? {} : { state }) };
    try {
      await this.#context.link.call('create', order, signal);
    } catch (thrown) {
      // The one that runs is an earlier start's, and no undo of this one ends it.
      if (Fault.is(thrown, 'RESOURCE_IN_USE')) this.#created = false;
      throw thrown;
    }
  }

  /** Whether the simulator had made it when the caller gave up is not known; one that an earlier start made is left alone. */
  async #discard(): Promise<void> {
    this.#context.followed.delete(this.#order.guest.uid);
    if (!this.#created) return;
    await this.#context.link.callPresent('discard', { uid: this.#order.guest.uid }, AbortSignal.timeout(undoTimeoutMs));
  }

  async #letGo(signal: AbortSignal): Promise<void> {
    const { guest, paused } = this.#order;
    const identity = await this.#context.link.identity(signal);
    this.#context.followed.add(guest.uid);
    const view = await this.#context.link.call('run', { uid: guest.uid, paused }, signal);
    this.#observed = observedOf(view, identity);
    this.#context.starts.end(guest.uid);
  }
}

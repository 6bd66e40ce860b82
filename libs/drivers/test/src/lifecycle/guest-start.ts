import { Fault, type Step } from '@virtmesh/base';
import type { Observed, Started, StartOrder, StartPlan } from '@virtmesh/driver-spi';
import { Preemption } from '@virtmesh/driver-support';
import type { DriverContext } from '../context.ts';
import { readSavedState } from '../features/state-file.ts';
import { profileOf } from '../spec/profile.ts';
import { observedOf } from './observe.ts';
import { encodeRecord } from './record.ts';

const undoTimeoutMs = 10_000;

/** One start of a guest: `reserve` finds the simulator, `create` makes the guest in it, `run` lets it go. */
export class GuestStart {
  readonly #context: DriverContext;
  readonly #order: StartOrder;
  readonly #preemption: Preemption;
  #created = false;
  #observed: Observed | undefined;

  constructor(context: DriverContext, order: StartOrder) {
    this.#context = context;
    this.#order = order;
    this.#preemption = new Preemption(order.guest);
  }

  plan(): StartPlan<Step> {
    const start = this.#preemption;
    return {
      steps: [
        start.step(
          'reserve',
          (signal) => this.#reserve(signal),
          async () => this.#end(),
        ),
        start.step(
          'create',
          (signal) => this.#create(signal),
          () => this.#discard(),
        ),
        start.step('run', (signal) => this.#letGo(signal)),
      ],
      started: () => {
        if (!this.#observed) throw new Fault('INTERNAL_BUG', 'the steps of a start were run out of order');
        return { observed: this.#observed, activeSpec: this.#order.spec } satisfies Started;
      },
    };
  }

  async #reserve(signal: AbortSignal): Promise<void> {
    const { guest, spec } = this.#order;
    this.#context.starts.set(guest.uid, this.#preemption);
    const { instance } = await this.#context.link.identity(signal);
    this.#order.save(encodeRecord({ instance }), spec);
  }

  #end(): void {
    this.#context.starts.delete(this.#order.guest.uid);
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
    this.#end();
  }
}

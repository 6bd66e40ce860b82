import { Fault } from '@virtmesh/base';
import { connectControl, type FaultEffect, type SimulatorControl } from '@virtmesh/driver-test';
import { createHost } from '@virtmesh/host';
import type { Dice } from './dice.ts';
import { simulatorSocket } from './run-directory.ts';

const words = 'a fault was planted';
const effects: readonly FaultEffect[] = [
  { t: 'fail', reason: 'HYPERVISOR_FAILED', message: words },
  { t: 'slow', ms: 700 },
];
/** What the driver asks of the simulator in each call of an owner. */
const asked: Readonly<Record<string, readonly string[]>> = {
  create: ['create', 'run'],
  'create paused': ['create', 'run'],
  start: ['create', 'run'],
  'start paused': ['create', 'run'],
  suspend: ['suspend'],
  resume: ['resume'],
  reboot: ['reboot'],
  shutdown: ['shutdown'],
  destroy: ['destroy'],
  delete: ['destroy'],
  attach: ['plug'],
  detach: ['unplug'],
  save: ['save'],
};
const patienceMs = 10_000;

/** Makes a simulator fail, by chance, at what is asked of one guest. */
export class SimulatedFaults {
  readonly #path: string;
  readonly #dice: Dice;

  constructor(runDir: string, dice: Dice) {
    this.#path = simulatorSocket(runDir);
    this.#dice = dice;
  }

  /** Whether a call failed because of a fault from here. */
  static isPlanted(thrown: unknown): boolean {
    return thrown instanceof Fault && thrown.message.includes(words);
  }

  /** Every third time, plants a fault that strikes when the simulator is asked for what an owner's call needs of one guest. */
  async maybe(call: string, uid: string): Promise<void> {
    const verbs = asked[call];
    const [verb, effect] = [verbs?.[this.#dice(verbs.length)], effects[this.#dice(effects.length)]];
    if (this.#dice(3) === 0 && verb !== undefined && effect) await this.#plant(verb, uid, effect);
  }

  /** Lets the next request for a verb about the guest hang. */
  hang(verb: string, uid: string): Promise<void> {
    return this.#plant(verb, uid, { t: 'hang' });
  }

  /** The guest falls over. */
  crash(uid: string): Promise<void> {
    return this.#with(async (control) => void (await control.call('act', { uid, act: 'crash' }, AbortSignal.timeout(patienceMs))));
  }

  /** Takes back what has not struck yet. */
  clear(): Promise<void> {
    return this.#with(async (control) => void (await control.call('clear', {}, AbortSignal.timeout(patienceMs))));
  }

  #plant(verb: string, uid: string, effect: FaultEffect): Promise<void> {
    return this.#with(
      async (control) => void (await control.call('inject', { verb, uid, times: 1, effect }, AbortSignal.timeout(patienceMs))),
    );
  }

  async #with(work: (control: SimulatorControl) => Promise<void>): Promise<void> {
    await using control = await connectControl(await createHost(), this.#path, AbortSignal.timeout(patienceMs));
    await work(control);
  }
}

import type { FaultEffect, InjectedFault, PlantedFault } from '../protocol/faults.ts';
import type { Random } from './random.ts';

/** The faults that are planted, in the order in which they were. */
export class FaultTable {
  readonly #planted = new Map<number, { readonly fault: InjectedFault; struck: number }>();
  readonly #random: Random;
  #next = 1;

  constructor(random: Random) {
    this.#random = random;
  }

  plant(fault: InjectedFault): number {
    const id = this.#next++;
    this.#planted.set(id, { fault, struck: 0 });
    return id;
  }

  /** Takes back one, or all. Answers how many. */
  clear(id: number | undefined): number {
    if (id !== undefined) return this.#planted.delete(id) ? 1 : 0;
    const count = this.#planted.size;
    this.#planted.clear();
    return count;
  }

  list(): readonly PlantedFault[] {
    return [...this.#planted].map(([id, { fault, struck }]) => ({ ...fault, fault: id, struck }));
  }

  /** The first fault that strikes now, if any. */
  strike(verb: string, uid: string): FaultEffect | undefined {
    for (const [id, planted] of this.#planted) {
      const { fault } = planted;
      if (fault.verb !== verb && fault.verb !== '*') continue;
      if (fault.uid !== undefined && fault.uid !== uid) continue;
      if (fault.probability !== undefined && this.#random.next() >= fault.probability) continue;
      planted.struck += 1;
      if (planted.struck >= (fault.times ?? Infinity)) this.#planted.delete(id);
      return fault.effect;
    }
    return undefined;
  }
}

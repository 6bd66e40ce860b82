/** Something to be done at a time of the simulation. */
export interface Timer {
  readonly atMs: number;
  /** Of two at the same time the one that was set first comes first. */
  readonly order: number;
  /** Undefined once it was taken back. */
  action: (() => void) | undefined;
}

/** Timers by time: a binary heap, in which those that were taken back stay until their time. */
export class TimerHeap {
  readonly #timers: Timer[] = [];

  get size(): number {
    return this.#timers.length;
  }

  push(timer: Timer): void {
    let at = this.#timers.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  /** The earliest that is still to be done. */
  peek(): Timer | undefined {
    while (this.#timers[0] && this.#timers[0].action === undefined) this.#pop();
    return this.#timers[0];
  }

  /** Takes out the earliest, if its time has come. */
  take(nowMs: number): Timer | undefined {
    const first = this.peek();
    if (!first || first.atMs > nowMs) return undefined;
    this.#pop();
    return first;
  }

  #pop(): void {
    const last = this.#timers.pop();
    if (!last || this.#timers.length === 0) return;
    this.#timers[0] = last;
    for (let at = 0; ;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) if (child < this.#timers.length && this.#before(child, least)) least = child;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #before(a: number, b: number): boolean {
    const [first, second] = [this.#timers[a], this.#timers[b]];
    if (!first || !second) return false;
    return first.atMs < second.atMs || (first.atMs === second.atMs && first.order < second.order);
  }

  #swap(a: number, b: number): void {
    const [first, second] = [this.#timers[a], this.#timers[b]];
    if (!first || !second) return;
    this.#timers[a] = second;
    this.#timers[b] = first;
  }
}

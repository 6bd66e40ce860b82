import { type Timer, TimerHeap } from './timer-heap.ts';

/** What wakes the clock in real time. */
export interface RealTime {
  nowMs(): number;
  /** Calls once after some real milliseconds; the answer takes it back. */
  after(ms: number, wake: () => void): () => void;
}

export const realTime: RealTime = {
  nowMs: () => performance.now(),
  after: (ms, wake) => {
    const timer = setTimeout(wake, Math.min(ms, longestTimeoutMs));
    return () => clearTimeout(timer);
  },
};

/** A longer timeout would come at once. */
const longestTimeoutMs = 2_000_000_000;

/** The time of the simulation: real, scaled, or moved by hand. All that waits for it is in one heap. */
export class SimClock {
  readonly #real: RealTime;
  readonly #timers = new TimerHeap();
  #scale: number;
  /** Where simulated time was at a real time. */
  #base: { readonly simMs: number; readonly realMs: number };
  #order = 0;
  #cancelWake: (() => void) | undefined;

  constructor(scale: number, real: RealTime = realTime) {
    this.#scale = scale;
    this.#real = real;
    this.#base = { simMs: 0, realMs: real.nowMs() };
  }

  /** Simulated milliseconds since the simulator began. */
  nowMs(): number {
    return this.#base.simMs + (this.#real.nowMs() - this.#base.realMs) * this.#scale;
  }

  get scale(): number {
    return this.#scale;
  }

  /** Calls once when so much simulated time has passed. */
  after(ms: number, action: () => void): Timer {
    const timer: Timer = { atMs: this.nowMs() + ms, order: this.#order++, action };
    this.#timers.push(timer);
    this.#wakeForNext();
    return timer;
  }

  cancel(timer: Timer | undefined): void {
    if (timer) timer.action = undefined;
  }

  setScale(scale: number): void {
    this.#base = { simMs: this.nowMs(), realMs: this.#real.nowMs() };
    this.#scale = scale;
    this.#wakeForNext();
  }

  /** Moves the time on at once, doing on the way what was waiting for it. */
  advance(ms: number): void {
    const target = this.nowMs() + ms;
    for (let timer = this.#timers.take(target); timer; timer = this.#timers.take(target)) {
      this.#base = { simMs: Math.max(this.nowMs(), timer.atMs), realMs: this.#real.nowMs() };
      this.#do(timer);
    }
    this.#base = { simMs: Math.max(this.nowMs(), target), realMs: this.#real.nowMs() };
    this.#wakeForNext();
  }

  #run(): void {
    const now = this.nowMs();
    for (let timer = this.#timers.take(now); timer; timer = this.#timers.take(now)) this.#do(timer);
    this.#wakeForNext();
  }

  #do(timer: Timer): void {
    const { action } = timer;
    timer.action = undefined;
    action?.();
  }

  #wakeForNext(): void {
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    const next = this.#timers.peek();
    if (!next || this.#scale === 0) return;
    this.#cancelWake = this.#real.after(Math.max(0, (next.atMs - this.nowMs()) / this.#scale), () => this.#run());
  }
}

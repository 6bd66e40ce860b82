import type { Latencies, Latency } from '../protocol/settings.ts';
import type { Random } from './random.ts';

/** Draws how long something takes. */
export class LatencyTable {
  readonly #random: Random;
  #latencies: Latencies;

  constructor(latencies: Latencies, random: Random) {
    this.#latencies = latencies;
    this.#random = random;
  }

  get latencies(): Latencies {
    return this.#latencies;
  }

  /** Changes the ones named; the others stay. */
  set(changed: Latencies): void {
    this.#latencies = { ...this.#latencies, ...changed };
  }

  /** For a verb, which falls back to `default`. */
  ofVerb(verb: string): number {
    return this.#sample(this.#latencies[verb] ?? this.#latencies['default']);
  }

  /** For what guests do, which takes no time unless it is said. */
  ofGuest(work: string): number {
    return this.#sample(this.#latencies[work]);
  }

  #sample(latency: Latency | undefined): number {
    return latency ? Math.max(0, sample(latency, this.#random)) : 0;
  }
}

function sample(latency: Latency, random: Random): number {
  switch (latency.t) {
    case 'constant':
      return latency.ms;
    case 'uniform':
      return latency.minMs + random.next() * (latency.maxMs - latency.minMs);
    case 'normal':
      return latency.meanMs + random.normal() * latency.deviationMs;
    case 'exponential':
      return -Math.log(1 - random.next()) * latency.meanMs;
    default:
      return latency satisfies never;
  }
}

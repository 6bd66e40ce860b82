/** How time goes in the simulation. */
export interface ClockSettings {
  /** Simulated seconds in a real one: 1 is real time, 0 stands still but for `advanceMs`. */
  readonly scale?: number;
}

/** How long something takes, in simulated milliseconds. Samples below 0 count as 0. */
export type Latency =
  | { readonly t: 'constant'; readonly ms: number }
  | { readonly t: 'uniform'; readonly minMs: number; readonly maxMs: number }
  | { readonly t: 'normal'; readonly meanMs: number; readonly deviationMs: number }
  | { readonly t: 'exponential'; readonly meanMs: number };

/** By verb, such as `create`, by what guests do (`boot`, `power-off`, `let-go`), or `default` for all verbs without one of their own. */
export type Latencies = Readonly<Record<string, Latency>>;

/** All that decides how a simulator behaves. */
export interface SimulatorSettings {
  /** The same seed and the same calls give the same latencies and the same luck. */
  readonly seed: number;
  readonly clockScale: number;
  readonly latencies: Latencies;
  /** All memory that guests can have together; start is refused beyond. 0 for no bound. */
  readonly capacityBytes: number;
  /** How long the process stays with no guest and no client, in real milliseconds. */
  readonly idleEndMs: number;
}

/** Those of a simulator that was given none. */
export const defaultSettings: SimulatorSettings = { seed: 1, clockScale: 1, latencies: {}, capacityBytes: 0, idleEndMs: 30_000 };

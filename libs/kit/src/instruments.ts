import { Counter, Gauge } from '@prometheus-io/client';
import type { Metrics } from './metrics.ts';

export interface GaugeOptions<L extends string> {
  /** Such as `virtmesh_fleet_nodes`, with the unit at its end if it has one. */
  readonly name: string;
  readonly help: string;
  /** The label's name; its values come with what is read. */
  readonly label?: L;
  /** Called when the metrics are asked for: the value or, with a label, the value for each of its values. */
  readonly read: () => number | Readonly<Record<string, number>>;
}

/** A measure that is read when it is asked for. */
export function addGauge<L extends string>(metrics: Metrics, { name, help, label, read }: GaugeOptions<L>): void {
  const gauge = new Gauge<string>({
    name,
    help,
    labelNames: label === undefined ? [] : [label],
    registers: [],
    collect() {
      const value = read();
      if (typeof value === 'number') return this.set(value);
      this.reset();
      for (const [labelValue, each] of Object.entries(value)) this.set({ [label ?? 'name']: labelValue }, each);
    },
  });
  metrics.registry.registerMetric(gauge);
}

/** A count that only grows; answers how to add to it. */
export function addCounter<L extends string>(
  metrics: Metrics,
  options: { readonly name: string; readonly help: string; readonly labels: readonly L[] },
): (labels: Readonly<Record<L, string>>, count: number) => void {
  const counter = new Counter<string>({
    name: options.name,
    help: options.help,
    labelNames: [...options.labels],
    registers: [metrics.registry],
  });
  return (labels, count) => counter.inc({ ...labels }, count);
}

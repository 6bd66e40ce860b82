import { appendFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { within } from './deadline.ts';

/** One way to do the thing that is measured; `run` does it once and answers how long it took, in milliseconds. */
export interface Contender {
  /** `raw` is the limit that the others are compared with. */
  readonly name: string;
  run(index: number): Promise<number>;
}

export interface Benchmark {
  readonly name: string;
  /** What is measured and what it is compared with, in one line. */
  readonly title: string;
  /** The greatest ratio to `raw` that is aimed at, by contender. */
  readonly targets: Readonly<Record<string, number>>;
  /** What libvirt 9.0 reached on such a machine, for the reader. */
  readonly libvirt?: string;
  readonly samples: number;
  /** How many rounds come before those that count; 1 if left out. A service that has run for a while is what users meet. */
  readonly warmUp?: number;
  readonly contenders: readonly Contender[];
}

/** A benchmark with what must be there while it runs. */
export type Prepared = Benchmark & AsyncDisposable;

export interface Result {
  readonly benchmark: string;
  readonly contender: string;
  readonly medianMs: number;
  readonly p95Ms: number;
  readonly samples: number;
  /** Median over the raw one's median; undefined for raw itself. */
  readonly ratio?: number;
  readonly target?: number;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

/** What a start or an end sets going, such as its events, is over after this: it must not count as part of what comes next. */
export const calm = (): Promise<void> => delay(50);

/** How long one run of a contender may take, what it prepares and clears away included. */
const runSeconds = 60;

/** Runs the contenders in turn, so that whatever else the machine does meets all alike. The first rounds only warm up. */
export async function measure(benchmark: Benchmark, progress: (done: number) => void): Promise<Result[]> {
  const samples = new Map(benchmark.contenders.map(({ name }) => [name, [] as number[]]));
  for (let index = -(benchmark.warmUp ?? 1); index < benchmark.samples; index += 1) {
    const first = Math.max(0, index) % benchmark.contenders.length;
    for (const contender of [...benchmark.contenders.slice(first), ...benchmark.contenders.slice(0, first)]) {
      const what = `${benchmark.name}, ${contender.name}, sample ${index + 1} of ${benchmark.samples}`;
      const ms = await within(runSeconds, what, contender.run(Math.max(0, index)));
      if (index >= 0) samples.get(contender.name)?.push(ms);
    }
    progress(Math.max(0, index + 1));
  }
  const raw = median(samples.get('raw') ?? []);
  return benchmark.contenders.map(({ name }) => {
    const values = samples.get(name) ?? [];
    const target = benchmark.targets[name];
    return {
      benchmark: benchmark.name,
      contender: name,
      medianMs: median(values),
      p95Ms: quantile(values, 0.95),
      samples: values.length,
      ...(name === 'raw' ? {} : { ratio: median(values) / raw }),
      ...(target === undefined ? {} : { target }),
    };
  });
}

const cell = (value: number | undefined, digits = 2): string => (value === undefined ? '-' : value.toFixed(digits));

/** The results of one benchmark as a table. */
export function table(benchmark: Benchmark, results: readonly Result[]): string {
  const rows = [
    ['', 'median ms', 'p95 ms', 'ratio', 'target'],
    ...results.map((r) => [r.contender, cell(r.medianMs, 3), cell(r.p95Ms, 3), cell(r.ratio), cell(r.target)]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = rows.map(
    (row) =>
      `  ${row.map((text, column) => (column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0))).join('  ')}`,
  );
  const peer = benchmark.libvirt ? `\n  libvirt 9.0 on such a machine: ${benchmark.libvirt}` : '';
  return `${benchmark.name}: ${benchmark.title} (${benchmark.samples} samples, interleaved)\n${lines.join('\n')}${peer}\n`;
}

export async function record(file: string | undefined, results: readonly Result[]): Promise<void> {
  if (file) await appendFile(file, results.map((result) => `${JSON.stringify(result)}\n`).join(''));
}

import { parseArgs } from 'node:util';
import { Failure } from '../dev/failure.ts';

export interface SimulateOptions {
  readonly nodes: number;
  readonly domains: number;
  /** How many things are done in a second. */
  readonly rate: number;
  readonly seed: number;
  /** The mean time that a verb takes in the hypervisor. */
  readonly latencyMs: number;
  /** Ends by itself after so long; 0 for never. */
  readonly seconds: number;
}

const bounds: Readonly<Record<keyof SimulateOptions, readonly [string, number, number, number]>> = {
  nodes: ['nodes', 3, 1, 64],
  domains: ['domains', 300, 1, 100_000],
  rate: ['rate', 20, 0, 10_000],
  seed: ['seed', 1, 0, 2 ** 31],
  latencyMs: ['latency-ms', 20, 0, 60_000],
  seconds: ['seconds', 0, 0, 1_000_000],
};

export const simulateHelp = `./dev simulate: a fleet of agents with simulated guests that live at random. Ctrl-C ends all of it.

${Object.values(bounds)
  .map(([name, preset, least, most]) => `  --${name.padEnd(12)} ${least} to ${most}; ${preset} if left out`)
  .join('\n')}
`;

/** The options of the command line; undefined where its help is asked for. */
export function simulateOptions(args: readonly string[]): SimulateOptions | undefined {
  const known = Object.fromEntries(Object.values(bounds).map(([name]) => [name, { type: 'string' as const }]));
  const values: Readonly<Record<string, unknown>> = attempt(
    () => parseArgs({ args: [...args], options: { ...known, help: { type: 'boolean', short: 'h' } } }).values,
  );
  if (values['help'] === true) return undefined;
  const number = (key: keyof SimulateOptions): number => {
    const [name, preset, least, most] = bounds[key];
    const given = values[name];
    const value = given === undefined ? preset : Number(given);
    if (!Number.isInteger(value) || value < least || value > most)
      throw new Failure(`--${name} is "${String(given)}"; it must be a whole number from ${least} to ${most}`, 2);
    return value;
  };
  return {
    nodes: number('nodes'),
    domains: number('domains'),
    rate: number('rate'),
    seed: number('seed'),
    latencyMs: number('latencyMs'),
    seconds: number('seconds'),
  };
}

function attempt<T>(parse: () => T): T {
  try {
    return parse();
  } catch (thrown) {
    throw new Failure(`${thrown instanceof Error ? thrown.message : String(thrown)}; ./dev simulate --help lists the options`, 2);
  }
}

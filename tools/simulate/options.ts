import { parseArgs } from 'node:util';
import { Failure } from '../dev/failure.ts';

export interface SimulateOptions {
  readonly nodes: number;
  readonly domains: number;
  /** How many things are done in a second. */
  readonly rate: number;
  /** How many of a hundred of them guests do by themselves. */
  readonly ownDoing: number;
  readonly seed: number;
  /** The mean time that a verb takes in the hypervisor. */
  readonly latencyMs: number;
  /** Ends by itself after so long; 0 for never. */
  readonly seconds: number;
}

interface Bounds {
  readonly name: string;
  readonly what: string;
  readonly preset: number;
  readonly least: number;
  readonly most: number;
}

const bounds: Readonly<Record<keyof SimulateOptions, Bounds>> = {
  nodes: { name: 'nodes', what: 'agents', preset: 3, least: 1, most: 64 },
  domains: { name: 'domains', what: 'domains of all nodes together', preset: 300, least: 1, most: 100_000 },
  rate: { name: 'rate', what: 'things that are done in a second', preset: 20, least: 0, most: 10_000 },
  ownDoing: { name: 'own-doing', what: 'how many of a hundred of them guests do by themselves', preset: 10, least: 0, most: 100 },
  seed: { name: 'seed', what: 'the same things happen with the same one', preset: 1, least: 0, most: 2 ** 31 },
  latencyMs: { name: 'latency-ms', what: 'mean time that a verb takes in the hypervisor', preset: 20, least: 0, most: 60_000 },
  seconds: { name: 'seconds', what: 'ends by itself after so long; 0 for never', preset: 0, least: 0, most: 1_000_000 },
};

export const simulateHelp = `./dev simulate: a fleet of agents with simulated guests that live at random. Ctrl-C ends all of it.

${Object.values(bounds)
  .map(({ least, most, name, preset, what }) => `  --${name.padEnd(12)} ${what}: ${least} to ${most}; ${preset} if left out`)
  .join('\n')}
`;

/** The options of the command line; undefined where its help is asked for. */
export function simulateOptions(args: readonly string[]): SimulateOptions | undefined {
  const known = Object.fromEntries(Object.values(bounds).map(({ name }) => [name, { type: 'string' as const }]));
  const values: Readonly<Record<string, unknown>> = attempt(
    () => parseArgs({ args: [...args], options: { ...known, help: { type: 'boolean', short: 'h' } } }).values,
  );
  if (values['help'] === true) return undefined;
  const number = (key: keyof SimulateOptions): number => {
    const { least, most, name, preset } = bounds[key];
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
    ownDoing: number('ownDoing'),
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

import type { OptionSpec } from './command.ts';
import { nodeIdOf } from './domain-reference.ts';
import { parseDuration } from './output/time.ts';
import { UsageError } from './usage-error.ts';

export type OutputFormat = 'table' | 'wide' | 'json' | 'yaml' | 'name';
const outputFormats: readonly OutputFormat[] = ['table', 'wide', 'json', 'yaml', 'name'];

/** The options that every verb has. */
export interface Globals {
  readonly connect: string | undefined;
  readonly node: string | undefined;
  /** Undefined where the caller left the verb its own choice. */
  readonly output: OutputFormat | undefined;
  readonly wait: boolean;
  readonly timeoutMs: number | undefined;
  readonly quiet: boolean;
  readonly color: boolean;
}

/** Reads `30s`, `5m`, `90`. */
export function duration(text: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined) throw new UsageError('must be a time of at most 24 days, such as 30s, 5m, 500ms or 90 (seconds)');
  return milliseconds;
}

export const globalOptions: readonly OptionSpec[] = [
  { flags: '-c, --connect <address>', summary: 'control plane or agent to talk to (env VIRTMESH_URI)' },
  { flags: '-n, --node <node>', summary: 'node on which names are looked for', completes: 'node', parse: nodeIdOf },
  { flags: '-o, --output <format>', summary: 'form of the result, and of errors', choices: outputFormats },
  { flags: '--wait', summary: 'wait for the end of what was begun (the default)' },
  { flags: '--no-wait', summary: 'begin, print the name of the operation and leave' },
  { flags: '--timeout <time>', summary: 'stop waiting after this time, such as 30s or 5m', parse: duration },
  { flags: '-q, --quiet', summary: 'print nothing but results and errors' },
  { flags: '--no-color', summary: 'no colours (env NO_COLOR)' },
];

/** Stands before any verb: behind one it may be meant for a command in a guest. */
export const versionOption: OptionSpec = { flags: '--version', summary: 'print the version of this client' };

/** The form of output that a command line asks for, as far as it shows in one that may not be understood. */
export function outputAsked(argv: readonly string[]): OutputFormat | undefined {
  const words = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const asked = words
    .map((word, index) => (word === '-o' || word === '--output' ? words[index + 1] : /^(?:-o|--output=)(.+)$/s.exec(word)?.[1]))
    .findLast((value) => value !== undefined);
  return outputFormats.find((format) => format === asked);
}

/** The global part of commander's option values. */
export function globalsOf(values: Readonly<Record<string, unknown>>): Globals {
  const text = (name: string): string | undefined => (typeof values[name] === 'string' ? values[name] : undefined);
  return {
    connect: text('connect'),
    node: text('node'),
    output: outputFormats.find((format) => format === values['output']),
    wait: values['wait'] !== false,
    timeoutMs: typeof values['timeout'] === 'number' ? values['timeout'] : undefined,
    quiet: values['quiet'] === true,
    color: values['color'] !== false,
  };
}

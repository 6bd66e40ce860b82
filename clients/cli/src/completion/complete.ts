import type { ArgumentSpec, Completes, OptionSpec } from '../command.ts';
import { commandGroups } from '../command-table.ts';
import { globalsOf } from '../globals.ts';
import { Invocation } from '../invocation.ts';
import { oneLine } from '../output/sanitise.ts';
import type { Terminal } from '../terminal.ts';
import { type Cursor, cursorOf, optionNames } from './words.ts';

/** One word that could stand at the cursor. */
export interface Candidate {
  readonly value: string;
  readonly summary: string;
}

/** What the shell's script reads as "complete file names". */
const fileDirective = ':file';

/** Whoever types does not wait longer for a server. */
const serverMs = 1500;

/** Names come from servers and end in a shell: what has any other character is not offered. */
const harmless = /^[A-Za-z0-9._/@%+=:-]+$/;

/** Prints what could stand at the cursor, a word and a tab and its meaning on each line. Words follow `--`. */
export async function complete(argv: readonly string[], terminal: Terminal): Promise<void> {
  const cursor = cursorOf(commandGroups, argv[0] === '--' ? argv.slice(1) : argv);
  const candidates = await candidatesAt(cursor, terminal);
  if (candidates === fileDirective) {
    terminal.stdout.write(`${fileDirective}\n`);
    return;
  }
  const lines = candidates
    .filter(({ value }) => value.startsWith(cursor.prefix) && harmless.test(value))
    .map(({ value, summary }) => `${value.slice(cursor.apart)}\t${oneLine(summary)}\n`);
  terminal.stdout.write(lines.join(''));
}

async function candidatesAt(cursor: Cursor, terminal: Terminal): Promise<readonly Candidate[] | typeof fileDirective> {
  const { slot } = cursor;
  switch (slot.kind) {
    case 'verbs':
      return slot.verbs.map(({ name, summary }) => ({ value: name, summary }));
    case 'options':
      return slot.options.map((option) => ({ value: optionNames(option), summary: option.summary }));
    case 'value':
      return await values(slot.of, cursor, terminal);
    case 'nothing':
      return [];
    default:
      return slot satisfies never;
  }
}

async function values(
  of: OptionSpec | ArgumentSpec,
  cursor: Cursor,
  terminal: Terminal,
): Promise<readonly Candidate[] | typeof fileDirective> {
  if (of.choices !== undefined) return of.choices.map((value) => ({ value, summary: '' }));
  if (of.completes === undefined) return [];
  if (of.completes === 'file') return fileDirective;
  try {
    return (await fromServer(of.completes, cursor, terminal)).filter(({ value }) => !cursor.given.includes(value));
  } catch {
    // No server, no names: a shell that is typed into is no place for errors.
    return [];
  }
}

async function fromServer(what: Exclude<Completes, 'file'>, cursor: Cursor, terminal: Terminal): Promise<readonly Candidate[]> {
  const connect = cursor.options.get('--connect');
  const node = cursor.options.get('--node');
  const globals = { ...globalsOf({}), connect, node, timeoutMs: serverMs, quiet: true };
  await using invocation = new Invocation({ terminal, globals, args: [], values: {} });
  const { liveCandidates } = await import('./live.ts');
  return await liveCandidates(invocation, what, cursor.given[0]);
}

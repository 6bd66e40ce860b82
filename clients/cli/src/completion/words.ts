import type { ArgumentSpec, CommandGroup, CommandSpec, OptionSpec } from '../command.ts';
import { globalOptions, versionOption } from '../globals.ts';

/** What stands at the cursor, and what could stand there. */
type Slot =
  | { readonly kind: 'verbs'; readonly verbs: readonly CommandSpec[] }
  | { readonly kind: 'options'; readonly options: readonly OptionSpec[] }
  | { readonly kind: 'value'; readonly of: OptionSpec | ArgumentSpec }
  | { readonly kind: 'nothing' };

export interface Cursor {
  readonly slot: Slot;
  /** What was typed of it. */
  readonly prefix: string;
  /** How much of that the shell has as a word of its own before the cursor's, and wants no more of. */
  readonly apart: number;
  /** The arguments before it. */
  readonly given: readonly string[];
  /** Values of the options before it, by long name. */
  readonly options: ReadonlyMap<string, string>;
}

const longName = (option: OptionSpec): string => /--[a-z-]+/.exec(option.flags)?.[0] ?? option.flags;
const shortName = (option: OptionSpec): string | undefined => /^(-[a-z])(?:,|$)/.exec(option.flags)?.[1];
const takesValue = (option: OptionSpec): boolean => option.flags.includes('<');

/** The names of options as they are typed. */
export const optionNames = (option: OptionSpec): string => longName(option);

/** Bash parts words at the sign of equality; here `--option=value` and `state=running` are one word again. */
function joined(words: readonly string[]): string[] {
  const result: string[] = [];
  let parted = false;
  for (const word of words) {
    const last = result.at(-1);
    if (last !== undefined && (word === '=' || parted)) result[result.length - 1] = last + word;
    else result.push(word);
    parted = word === '=';
  }
  return result;
}

/** Reads the words up to the cursor, the last one being the one that is typed. */
export function cursorOf(groups: readonly CommandGroup[], words: readonly string[]): Cursor {
  const typed = joined(words);
  const current = typed.pop() ?? '';
  const own = words.at(-1) === '=' ? '' : (words.at(-1) ?? '');
  const options = new Map<string, string>();
  const given: string[] = [];
  let verbs: readonly CommandSpec[] | undefined = groups.flatMap((group) => group.commands).filter((command) => !command.hidden);
  let verb: CommandSpec | undefined;
  let awaited: OptionSpec | undefined;
  const known = (): readonly OptionSpec[] => [...(verb ? (verb.options ?? []) : [versionOption]), ...globalOptions];
  const named = (word: string): OptionSpec | undefined => known().find((option) => longName(option) === word || shortName(option) === word);
  for (const word of typed) {
    const at = word.indexOf('=');
    const name = word.startsWith('--') && at > 0 ? word.slice(0, at) : word;
    if (awaited !== undefined) {
      options.set(longName(awaited), word);
      awaited = undefined;
    } else if (word.startsWith('-') && word !== '-') {
      const option = named(name);
      if (option && takesValue(option)) {
        if (name === word) awaited = option;
        else options.set(longName(option), word.slice(at + 1));
      }
    } else if (verbs !== undefined) {
      verb = verbs.find((command) => command.name === word);
      if (verb === undefined) return { slot: { kind: 'nothing' }, prefix: current, apart: 0, given, options };
      verbs = verb.commands;
    } else given.push(word);
  }
  const at = slotAt(current, { awaited, named, known, verbs, verb, given });
  return { ...at, apart: Math.max(0, at.prefix.length - own.length), given, options };
}

interface Read {
  readonly awaited: OptionSpec | undefined;
  readonly named: (word: string) => OptionSpec | undefined;
  readonly known: () => readonly OptionSpec[];
  readonly verbs: readonly CommandSpec[] | undefined;
  readonly verb: CommandSpec | undefined;
  readonly given: readonly string[];
}

function slotAt(current: string, read: Read): { readonly slot: Slot; readonly prefix: string } {
  if (read.awaited !== undefined) return { slot: { kind: 'value', of: read.awaited }, prefix: current };
  const at = current.indexOf('=');
  if (current.startsWith('--') && at > 0) {
    const option = read.named(current.slice(0, at));
    return { slot: option && takesValue(option) ? { kind: 'value', of: option } : { kind: 'nothing' }, prefix: current.slice(at + 1) };
  }
  if (current.startsWith('-') && current !== '-') return { slot: { kind: 'options', options: read.known() }, prefix: current };
  if (read.verbs !== undefined) return { slot: { kind: 'verbs', verbs: read.verbs }, prefix: current };
  const args = read.verb?.arguments ?? [];
  const argument = args[read.given.length] ?? (args.at(-1)?.name.includes('...') ? args.at(-1) : undefined);
  return { slot: argument ? { kind: 'value', of: argument } : { kind: 'nothing' }, prefix: current };
}

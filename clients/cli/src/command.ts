import type { Invocation } from './invocation.ts';

/** What a word on the command line stands for, so that completion can offer those that there are. */
export type Completes = 'domain' | 'active domain' | 'inactive domain' | 'device' | 'disk' | 'interface' | 'node' | 'operation' | 'file';

export interface OptionSpec {
  /** Commander's form: `--all`, `-l, --label <key=value>`. */
  readonly flags: string;
  readonly summary: string;
  readonly choices?: readonly string[];
  readonly completes?: Completes;
  /** Reads the value; throws a UsageError without the option's name. */
  readonly parse?: (text: string) => unknown;
  /** May be given more than once; the value is a list. */
  readonly repeatable?: boolean;
  /** Options, by attribute name, that do not go together with this one. */
  readonly conflicts?: readonly string[];
}

export interface ArgumentSpec {
  /** Commander's form: `<domain>`, `[domain...]`. */
  readonly name: string;
  readonly summary: string;
  readonly choices?: readonly string[];
  readonly completes?: Completes;
}

interface CommandModule {
  /** Does the verb's work, and answers its exit code where that is not 0; a throw is what went wrong. */
  readonly run: (invocation: Invocation) => Promise<number | void>;
}

/** One verb, as data: the program, its help and its completion are made of it; its code is loaded when it is called. */
export interface CommandSpec {
  readonly name: string;
  readonly summary: string;
  /** More for the verb's own help. */
  readonly details?: string;
  readonly arguments?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  readonly hidden?: boolean;
  /** Whether it changes something. If it then has no --dry-run, its rpc has none, and its help says so. */
  readonly changes?: true;
  readonly load?: () => Promise<CommandModule>;
  /** The verbs below it, as in `operation list`. */
  readonly commands?: readonly CommandSpec[];
}

export interface CommandGroup {
  readonly title: string;
  readonly commands: readonly CommandSpec[];
}

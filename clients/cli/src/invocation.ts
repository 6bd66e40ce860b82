import { styleText } from 'node:util';
import type { Connection } from '@virtmesh/client';
import { domainReference } from './domain-reference.ts';
import type { Globals } from './globals.ts';
import type { Paint } from './output/table.ts';
import { oneLine } from './output/sanitise.ts';
import { rendered, type View } from './output/view.ts';
import { type Terminal, writeOut } from './terminal.ts';
import { UsageError } from './usage-error.ts';

export interface InvocationOptions {
  readonly terminal: Terminal;
  readonly globals: Globals;
  /** The positional arguments, variadic ones spread out. */
  readonly args: readonly string[];
  /** The verb's own options, by commander's attribute names. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** One call of one verb: what was asked, where results go, the connection, and the end by Ctrl-C. */
export class Invocation implements AsyncDisposable {
  readonly terminal: Terminal;
  readonly globals: Globals;
  readonly args: readonly string[];
  readonly paint: Paint;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #controller = new AbortController();
  readonly #interrupts: (() => void)[] = [];
  readonly #stopSignals: () => void;
  #connection: Promise<Connection> | undefined;

  constructor(options: InvocationOptions) {
    this.terminal = options.terminal;
    this.globals = options.globals;
    this.args = options.args;
    this.#values = options.values;
    const colors = this.globals.color && this.terminal.stdout.isTTY === true && !this.terminal.env['NO_COLOR'];
    this.paint = colors ? (style, text) => styleText(style, text, { validateStream: false }) : (_style, text) => text;
    this.#stopSignals = this.terminal.onSignal((signal) => {
      if (signal !== 'SIGINT' || this.#interrupts.length === 0) this.#controller.abort();
      else for (const handler of [...this.#interrupts]) handler();
    });
  }

  /** Aborted when the caller wants to leave. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends all that waits. */
  leave(): void {
    this.#controller.abort();
  }

  /** Takes Ctrl-C instead of the end of the call, until disposed. */
  onInterrupt(handler: () => void): Disposable {
    this.#interrupts.push(handler);
    return { [Symbol.dispose]: () => void this.#interrupts.splice(this.#interrupts.indexOf(handler), 1) };
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  /** A pair of options, one of them with `no-`: undefined where neither was given. */
  choice(name: string): boolean | undefined {
    const value = this.#values[name];
    return typeof value === 'boolean' ? value : undefined;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  number(name: string): number | undefined {
    const value = this.#values[name];
    return typeof value === 'number' ? value : undefined;
  }

  bytes(name: string): bigint | undefined {
    const value = this.#values[name];
    return typeof value === 'bigint' ? value : undefined;
  }

  list(name: string): readonly string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  }

  /** The contract's name of a DOMAIN argument. */
  domain(argument: string | undefined): string {
    if (argument === undefined) throw new UsageError('a domain is missing');
    return domainReference(argument, this.globals.node);
  }

  /** What to list: the node of `-n`, or all. */
  get parent(): string {
    return `nodes/${this.globals.node ?? '-'}`;
  }

  /** For calls that are answered at once. */
  get callOptions(): { readonly signal: AbortSignal; readonly timeoutMs?: number } {
    const { timeoutMs } = this.globals;
    return timeoutMs === undefined ? { signal: this.signal } : { signal: this.signal, timeoutMs };
  }

  /** The server, connected to once. */
  connect(): Promise<Connection> {
    this.#connection ??= import('./connect.ts').then(({ connectFor }) => connectFor(this));
    return this.#connection;
  }

  /** Prints a result on stdout in the form that was asked for. */
  async show(view: View, preferred: 'table' | 'yaml' = 'table'): Promise<void> {
    await this.write(await rendered(view, this.globals.output ?? preferred, this.paint));
  }

  /** Writes to stdout as it is. */
  async write(text: string | Uint8Array): Promise<void> {
    if (text.length > 0) await writeOut(this.terminal.stdout, text);
  }

  /** Tells what was done: on stdout, where nothing else was asked for. */
  async say(text: string): Promise<void> {
    if (!this.globals.quiet) await this.write(`${oneLine(text)}\n`);
  }

  /** A remark on stderr. */
  note(text: string): void {
    if (!this.globals.quiet) this.terminal.stderr.write(`note: ${oneLine(text)}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopSignals();
    this.#controller.abort();
    const connection = await this.#connection?.catch(() => undefined);
    connection?.close();
  }
}

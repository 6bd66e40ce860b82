import { Fault, raceAbort } from '@virtmesh/base';
import type { ExecPart, TerminalSize } from '../protocol/messages.ts';
import { parseProgram, type Program } from './exec-program.ts';
import type { SimClock } from './sim-clock.ts';
import type { Timer } from './timer-heap.ts';

const maxUnreadBytes = 256 * 1024;
/** What Ctrl-C types. */
const interrupt = 3;
const lineEnd = 10;

/** A command to run. */
export interface ExecRequest {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  readonly terminal?: TerminalSize;
}

/** A command that runs in a guest: what it writes waits here until it is read. */
export class ExecSession {
  /** The connection that it was begun over. */
  readonly connection: object;
  readonly #clock: SimClock;
  readonly #unread: { readonly stream: 'output' | 'error'; readonly bytes: Buffer }[] = [];
  readonly #steps: Program[];
  #unreadBytes = 0;
  #terminal: TerminalSize | undefined;
  /** What was written to it and not yet taken. */
  #input: Buffer = Buffer.alloc(0);
  #end: { readonly exitCode: number; readonly signal: number } | undefined;
  #reads: 'all' | 'line' | undefined;
  #inputEnded = false;
  #timer: Timer | undefined;
  #changed = Promise.withResolvers<void>();

  /** REQUEST_INVALID where there is no such program. */
  constructor(request: ExecRequest, clock: SimClock, connection: object) {
    this.connection = connection;
    this.#clock = clock;
    this.#terminal = request.terminal;
    this.#steps = [...parseProgram(request)];
    this.#next(0);
  }

  /** The next of what it writes, as soon as there is something; lastly its end. */
  async read(signal: AbortSignal): Promise<ExecPart> {
    for (;;) {
      const part = this.#unread.shift();
      if (part) {
        this.#unreadBytes -= part.bytes.length;
        this.#wake();
        return { t: 'bytes', stream: part.stream, bytes: part.bytes.toString('base64') };
      }
      if (this.#end) return { t: 'ended', ...this.#end };
      await raceAbort(this.#changed.promise, signal);
    }
  }

  /** Resolves when there is room for more. */
  async write(bytes: Buffer, signal: AbortSignal): Promise<void> {
    if (this.#end) return;
    if (this.#terminal && bytes.includes(interrupt)) return this.kill(2);
    if (this.#terminal) this.#say('output', bytes);
    this.#input = Buffer.concat([this.#input, bytes]);
    this.#take();
    while (this.#unreadBytes + this.#input.length > maxUnreadBytes && !this.#end) await raceAbort(this.#changed.promise, signal);
  }

  endInput(): void {
    this.#inputEnded = true;
    this.#take();
  }

  /** Nothing happens to a command without a terminal. */
  resize(size: TerminalSize): void {
    if (this.#terminal) this.#terminal = size;
  }

  kill(number: number): void {
    this.#finish({ exitCode: 128 + number, signal: number });
  }

  /** Goes on with the next command of the program; the last one's code is that of the whole. */
  #next(code: number): void {
    this.#reads = undefined;
    const step = this.#steps.shift();
    switch (step?.t) {
      case undefined:
        return this.#finish({ exitCode: code, signal: 0 });
      case 'say':
        this.#say(step.stream, Buffer.from(step.text));
        return this.#next(0);
      case 'code':
        return this.#next(step.code);
      case 'exit':
        return this.#finish({ exitCode: step.code, signal: 0 });
      case 'sleep':
        this.#timer = this.#clock.after(step.ms, () => this.#next(0));
        return;
      case 'copy':
        this.#reads = 'all';
        return this.#take();
      case 'read':
        this.#reads = 'line';
        return this.#take();
      case 'size':
        this.#say('output', Buffer.from(`${this.#terminal?.rows ?? 0} ${this.#terminal?.columns ?? 0}\n`));
        return this.#next(0);
      default:
        throw new Fault('INTERNAL_BUG', `no such step: ${JSON.stringify(step satisfies never)}`);
    }
  }

  /** Gives the step that reads what there is for it. */
  #take(): void {
    if (this.#reads === undefined || this.#end) return;
    const end = this.#reads === 'all' ? this.#input.length : this.#input.indexOf(lineEnd) + 1;
    const taken = this.#input.subarray(0, end);
    this.#input = this.#input.subarray(end);
    if (this.#reads === 'all') this.#say('output', taken);
    else if (taken.length > 0) return this.#next(0);
    if (this.#inputEnded) this.#next(this.#reads === 'all' ? 0 : 1);
    else this.#wake();
  }

  #say(stream: 'output' | 'error', bytes: Buffer): void {
    const shown = this.#terminal ? Buffer.from(bytes.toString('latin1').replaceAll(/\r?\n/g, '\r\n'), 'latin1') : bytes;
    if (shown.length === 0) return;
    this.#unread.push({ stream: this.#terminal ? 'output' : stream, bytes: shown });
    this.#unreadBytes += shown.length;
    this.#wake();
  }

  #finish(end: { readonly exitCode: number; readonly signal: number }): void {
    if (this.#end) return;
    this.#clock.cancel(this.#timer);
    this.#end = end;
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

import { Fault, raceAbort } from '@virtmesh/base';
import type { ExecPart } from '../protocol/messages.ts';
import { parseProgram, type Program } from './exec-program.ts';
import type { SimClock } from './sim-clock.ts';
import type { Timer } from './timer-heap.ts';

const maxUnreadBytes = 256 * 1024;

export interface ExecRequest {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  readonly terminal: boolean;
}

/** A command that runs in a guest: what it writes waits here until it is read. */
export class ExecSession {
  /** The connection that it was begun over. */
  readonly connection: object;
  readonly #clock: SimClock;
  readonly #terminal: boolean;
  readonly #unread: { readonly stream: 'output' | 'error'; readonly bytes: Buffer }[] = [];
  readonly #steps: Program[];
  #unreadBytes = 0;
  #end: { readonly exitCode: number; readonly signal: number } | undefined;
  #readsInput = false;
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
    if (this.#terminal && !this.#end) this.#say('output', bytes);
    if (this.#readsInput && !this.#end) this.#say('output', bytes);
    while (this.#unreadBytes > maxUnreadBytes && !this.#end) await raceAbort(this.#changed.promise, signal);
  }

  endInput(): void {
    this.#inputEnded = true;
    if (this.#readsInput) this.#next(0);
  }

  kill(number: number): void {
    this.#finish({ exitCode: 128 + number, signal: number });
  }

  /** Goes on with the next command of the program; the last one's code is that of the whole. */
  #next(code: number): void {
    this.#readsInput = false;
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
        if (this.#inputEnded) return this.#next(0);
        this.#readsInput = true;
        return;
      default:
        throw new Fault('INTERNAL_BUG', `no such step: ${JSON.stringify(step satisfies never)}`);
    }
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

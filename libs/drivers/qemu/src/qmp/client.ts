import { abortFault, Fault, LineSplitter } from '@virtmesh/base';
import type { Duplex } from 'node:stream';
import type { AnswerOf, ArgumentsOf, QmpCommand } from './commands.ts';
import type { QmpEvent } from './events.ts';
import { parseMessage, type QmpMessage } from './message.ts';

export interface QmpOptions {
  /** Commands that may be without an answer at once, those whose callers no longer wait included. */
  readonly maxOutstanding?: number;
  readonly maxLineBytes?: number;
  /** A command fails after this time also where its signal has no deadline. */
  readonly commandTimeoutMs?: number;
  /** The monitor counts as silent when a command has waited this long and nothing came. */
  readonly silentAfterMs?: number;
  /** Called for each event, in order, before the promises of later answers resolve. */
  readonly onEvent?: (event: QmpEvent) => void;
  /** Called when the monitor falls silent, and when it speaks again. */
  readonly onSilent?: (silent: boolean) => void;
}

interface Outstanding {
  readonly command: string;
  readonly settle: (result: { readonly value: unknown } | { readonly fault: Fault }) => void;
}

const defaults = { maxOutstanding: 64, maxLineBytes: 16 * 1024 * 1024, commandTimeoutMs: 30_000, silentAfterMs: 2000 };

/**
 * One connection to a QEMU monitor. Commands may be sent at once and beside each other, also before the greeting: QEMU
 * takes them in order. The first is `qmp_capabilities`.
 */
export class QmpClient {
  /** The version that the greeting tells, such as `7.2.22`; rejects where the connection ends before it. */
  readonly greeting: Promise<string>;
  /** Resolves when the connection has ended, whoever ended it. */
  readonly closed: Promise<void>;
  readonly #stream: Duplex;
  readonly #options: typeof defaults & QmpOptions;
  readonly #outstanding = new Map<number, Outstanding>();
  readonly #splitter: LineSplitter;
  #nextId = 1;
  #end: Fault | undefined;
  #silent = false;
  #silence: NodeJS.Timeout | undefined;
  #greet: (version: string) => void = () => {};
  #greetFailed: (fault: Fault) => void = () => {};

  constructor(stream: Duplex, options: QmpOptions = {}) {
    this.#stream = stream;
    this.#options = { ...defaults, ...options };
    this.#splitter = new LineSplitter(this.#options.maxLineBytes);
    this.greeting = new Promise((resolve, reject) => {
      this.#greet = resolve;
      this.#greetFailed = reject;
    });
    // Those who do not wait for the greeting learn of the end by their commands.
    this.greeting.catch(() => {});
    this.closed = new Promise((resolve) => stream.once('close', () => resolve()));
    stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    stream.on('error', (error) => this.#finish(endFault(error.message)));
    stream.once('end', () => stream.destroy());
    stream.once('close', () => this.#finish(endFault('the connection ended')));
  }

  /** Whether the monitor owes an answer for longer than it may. */
  get silent(): boolean {
    return this.#silent;
  }

  /**
   * Sends a command and resolves with its answer. HYPERVISOR_FAILED with QEMU's `class`, `desc` and the `command` where
   * it refuses or ends; HYPERVISOR_UNRESPONSIVE where the deadline passes first: QEMU may still carry it out later.
   */
  execute<C extends QmpCommand>(command: C, args: ArgumentsOf<C>, signal?: AbortSignal): Promise<AnswerOf<C>> {
    return this.executeAny(command, args, signal);
  }

  /** As `execute`, for any command that QEMU has. */
  executeAny<T = unknown>(command: string, args: object, signal?: AbortSignal): Promise<T> {
    const refused = this.#refusal(command, signal);
    if (refused) return Promise.reject(refused);
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const leave = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const settle: Outstanding['settle'] = (result) => {
        leave();
        if ('fault' in result) reject(result.fault);
        else resolve(result.value as T);
      };
      const giveUp = (fault: Fault): void => {
        leave();
        // It stays outstanding: QEMU owes the answer, and what it owes is bounded.
        this.#outstanding.set(id, { command, settle: () => {} });
        reject(fault);
      };
      const onAbort = (): void => giveUp(deadlineOrAbort(command, signal));
      const timer = setTimeout(() => giveUp(unresponsive(command)), this.#options.commandTimeoutMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#outstanding.set(id, { command, settle });
      this.#watchSilence();
      this.#stream.write(JSON.stringify({ execute: command, arguments: args, id }) + '\n');
    });
  }

  /** Ends the connection; what is outstanding fails. */
  close(): void {
    this.#finish(endFault('the connection was closed'));
    this.#stream.destroy();
  }

  #refusal(command: string, signal: AbortSignal | undefined): Fault | undefined {
    if (signal?.aborted) return deadlineOrAbort(command, signal);
    if (this.#end) return this.#end;
    if (this.#outstanding.size < this.#options.maxOutstanding) return undefined;
    if (this.#silent) return unresponsive(command);
    return new Fault(
      'LIMIT_EXCEEDED',
      `${this.#outstanding.size} monitor commands are without an answer; retry when some have ended`,
      { command },
      { retryAfterMs: 1000 },
    );
  }

  #receive(chunk: Buffer): void {
    try {
      for (const line of this.#splitter.push(chunk)) this.#handle(parseMessage(line));
    } catch (thrown) {
      this.#finish(endFault(`what came is not QMP: ${thrown instanceof Error ? thrown.message : String(thrown)}`));
      this.#stream.destroy();
    }
  }

  #handle(message: QmpMessage): void {
    this.#spoke();
    switch (message.t) {
      case 'greeting':
        return this.#greet(message.version);
      case 'event':
        return this.#options.onEvent?.(message.event);
      case 'answer':
        return this.#settle(message.id, { value: message.value });
      case 'error': {
        const command = this.#outstanding.get(message.id ?? -1)?.command ?? '';
        return this.#settle(message.id ?? -1, { fault: refusedFault(command, message.errorClass, message.words) });
      }
      case 'other':
        return;
      default:
        return message satisfies never;
    }
  }

  #settle(id: number, result: { readonly value: unknown } | { readonly fault: Fault }): void {
    const outstanding = this.#outstanding.get(id);
    this.#outstanding.delete(id);
    if (this.#outstanding.size === 0) this.#stopWatching();
    outstanding?.settle(result);
  }

  #watchSilence(): void {
    if (this.#silent || this.#silence) return;
    this.#silence = setTimeout(() => {
      this.#silence = undefined;
      if (this.#outstanding.size === 0) return;
      this.#silent = true;
      this.#options.onSilent?.(true);
    }, this.#options.silentAfterMs);
    this.#silence.unref();
  }

  #spoke(): void {
    this.#silence?.refresh();
    if (!this.#silent) return;
    this.#silent = false;
    if (this.#outstanding.size > 0) this.#watchSilence();
    this.#options.onSilent?.(false);
  }

  #stopWatching(): void {
    clearTimeout(this.#silence);
    this.#silence = undefined;
  }

  #finish(fault: Fault): void {
    if (this.#end) return;
    this.#end = fault;
    this.#stopWatching();
    this.#greetFailed(fault);
    const outstanding = [...this.#outstanding.values()];
    this.#outstanding.clear();
    for (const { command, settle } of outstanding)
      settle({ fault: new Fault(fault.reason, fault.message, { ...fault.metadata, command }) });
  }
}

const endFault = (words: string): Fault =>
  new Fault('HYPERVISOR_FAILED', `QEMU's monitor is gone: ${words}`, { class: 'ConnectionEnded', desc: words });

const refusedFault = (command: string, errorClass: string, words: string): Fault =>
  new Fault('HYPERVISOR_FAILED', `QEMU refused ${command}: ${words}`, { class: errorClass, desc: words, command });

const unresponsive = (command: string): Fault =>
  new Fault(
    'HYPERVISOR_UNRESPONSIVE',
    `QEMU did not answer ${command} in time; whether it will still be carried out is unknown`,
    { command },
    { retryAfterMs: 1000 },
  );

/** A deadline that passes while QEMU owes an answer is QEMU's fault; any other abort is the caller's wish. */
function deadlineOrAbort(command: string, signal: AbortSignal | undefined): Fault {
  if (!signal) return unresponsive(command);
  const fault = abortFault(signal);
  return fault.reason === 'DEADLINE_EXCEEDED' ? unresponsive(command) : fault;
}

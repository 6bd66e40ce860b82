import { abortFault, Fault, LineSplitter } from '@virtmesh/base';
import type { Duplex } from 'node:stream';
import { encodeLine, maxLineBytes } from '../protocol/lines.ts';
import type { AnswerOf, ArgsOf, FromSimulator, ToSimulator, Verb, WireEvent } from '../protocol/messages.ts';
import { decodeFault } from '../protocol/wire-fault.ts';

const maxOutstanding = 65_536;

interface Outstanding {
  readonly verb: Verb;
  readonly resolve: (answer: object) => void;
  readonly reject: (fault: Fault) => void;
}

/** A conversation with the simulator: calls by number, all beside each other, and events as they come. */
export class Connection {
  /** Resolves when it has ended. */
  readonly closed: Promise<void>;
  readonly #stream: Duplex;
  readonly #lines = new LineSplitter(maxLineBytes);
  readonly #outstanding = new Map<number, Outstanding>();
  readonly #onEvent: (event: WireEvent) => void;
  #nextId = 1;
  #end: Fault | undefined;

  constructor(stream: Duplex, onEvent: (event: WireEvent) => void) {
    this.#stream = stream;
    this.#onEvent = onEvent;
    this.closed = new Promise((resolve) => stream.once('close', () => resolve()));
    stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    stream.on('error', (error) => this.#finish(error.message));
    stream.once('end', () => stream.destroy());
    stream.once('close', () => this.#finish('the connection ended'));
  }

  get isOpen(): boolean {
    return this.#end === undefined;
  }

  /** HYPERVISOR_UNRESPONSIVE where no answer comes by the signal's deadline; then the call is taken back. */
  call<V extends Verb>(verb: V, args: ArgsOf<V>, signal: AbortSignal): Promise<AnswerOf<V>> {
    const refused = this.#refusal(verb, signal);
    if (refused) return Promise.reject(refused);
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const onAbort = (): void => {
        this.#outstanding.delete(id);
        this.#send({ cancel: id });
        reject(gaveUp(verb, signal));
      };
      const leave = (): void => signal.removeEventListener('abort', onAbort);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#outstanding.set(id, {
        verb,
        resolve: (answer) => {
          leave();
          resolve(answer);
        },
        reject: (fault) => {
          leave();
          reject(fault);
        },
      });
      this.#send({ id, verb, args });
    });
  }

  close(): void {
    this.#finish('the connection was closed');
    this.#stream.destroy();
  }

  #send(message: ToSimulator): void {
    this.#stream.write(encodeLine(message));
  }

  #refusal(verb: Verb, signal: AbortSignal): Fault | undefined {
    if (signal.aborted) return gaveUp(verb, signal);
    if (this.#end) return this.#end;
    if (this.#outstanding.size < maxOutstanding) return undefined;
    return new Fault(
      'LIMIT_EXCEEDED',
      `${maxOutstanding} calls to the simulator are without an answer; retry when some have ended`,
      { verb },
      { retryAfterMs: 1000 },
    );
  }

  #receive(chunk: Buffer): void {
    try {
      for (const line of this.#lines.push(chunk)) this.#handle(JSON.parse(line) as FromSimulator);
    } catch (thrown) {
      this.#finish(`what came is not of the protocol: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
      this.#stream.destroy();
    }
  }

  #handle(message: FromSimulator): void {
    if ('event' in message) return this.#onEvent(message.event);
    const outstanding = this.#outstanding.get(message.id);
    this.#outstanding.delete(message.id);
    if ('fault' in message) outstanding?.reject(decodeFault(message.fault));
    else outstanding?.resolve(message.answer);
  }

  #finish(words: string): void {
    if (this.#end) return;
    this.#end = new Fault('HYPERVISOR_FAILED', `the connection to the simulator is gone: ${words}`, { words });
    const outstanding = [...this.#outstanding.values()];
    this.#outstanding.clear();
    for (const { reject } of outstanding) reject(this.#end);
  }
}

/** A deadline that passes while the simulator owes an answer is its fault; any other abort is the caller's wish. */
function gaveUp(verb: Verb, signal: AbortSignal): Fault {
  const fault = abortFault(signal);
  if (fault.reason !== 'DEADLINE_EXCEEDED') return fault;
  return new Fault('HYPERVISOR_UNRESPONSIVE', `the simulator did not answer ${verb} in time`, { command: verb }, { retryAfterMs: 1000 });
}

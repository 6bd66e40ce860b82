import type { Duplex } from 'node:stream';
import { Fault, LineSplitter } from '@virtmesh/base';
import { encodeLine, maxLineBytes } from '../protocol/lines.ts';
import { encodeFault } from '../protocol/wire-fault.ts';

/** What a client may owe us in reading, and we it in answers, before it is cut off or refused. */
const maxUnsentBytes = 64 * 1024 * 1024;
const maxCalls = 65_536;

export interface PeerHooks {
  call(verb: string, args: object, signal: AbortSignal): Promise<object>;
  closed(): void;
}

/** One client's connection: its calls by number, all beside each other. */
export class Peer {
  readonly #stream: Duplex;
  readonly #hooks: PeerHooks;
  readonly #lines = new LineSplitter(maxLineBytes);
  readonly #calls = new Map<number, AbortController>();

  constructor(stream: Duplex, hooks: PeerHooks) {
    this.#stream = stream;
    this.#hooks = hooks;
    stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    stream.on('error', () => stream.destroy());
    stream.once('end', () => stream.destroy());
    stream.once('close', () => {
      for (const call of this.#calls.values()) call.abort();
      this.#calls.clear();
      hooks.closed();
    });
  }

  /** A client that does not read is cut off; it connects anew and looks at its guests. */
  send(line: string): void {
    if (this.#stream.destroyed) return;
    this.#stream.write(line);
    if (this.#stream.writableLength > maxUnsentBytes) this.#stream.destroy();
  }

  #receive(chunk: Buffer): void {
    try {
      for (const line of this.#lines.push(chunk)) this.#handle(JSON.parse(line));
    } catch {
      // Whoever sends what is not of the protocol is no client of ours.
      this.#stream.destroy();
    }
  }

  #handle(message: unknown): void {
    if (typeof message !== 'object' || message === null) throw new TypeError('no message');
    if ('cancel' in message) {
      this.#calls.get(Number(message.cancel))?.abort();
      return;
    }
    if (!('id' in message && 'verb' in message && 'args' in message)) throw new TypeError('no message');
    const { args, id, verb } = message;
    if (typeof id !== 'number' || typeof verb !== 'string' || typeof args !== 'object' || args === null) throw new TypeError('no call');
    void this.#perform(id, verb, args);
  }

  async #perform(id: number, verb: string, args: object): Promise<void> {
    const call = new AbortController();
    try {
      if (this.#calls.size >= maxCalls)
        throw new Fault(
          'LIMIT_EXCEEDED',
          `${maxCalls} calls are without an answer; retry when some have ended`,
          { verb },
          { retryAfterMs: 1000 },
        );
      this.#calls.set(id, call);
      const answer = await this.#hooks.call(verb, args, call.signal);
      this.send(encodeLine({ id, answer }));
    } catch (thrown) {
      if (!call.signal.aborted) this.send(encodeLine({ id, fault: encodeFault(Fault.from(thrown)) }));
    } finally {
      this.#calls.delete(id);
    }
  }
}

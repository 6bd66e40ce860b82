import { abortFault, Fault } from '@virtmesh/base';
import type { HostSockets } from '@virtmesh/driver-spi';
import { randomInt } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { GuestAgentFraming } from './framing.ts';

const usualAnswerBytes = 1024 * 1024;

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (fault: Fault) => void;
}

/** One talk with the agent in a guest. It has no ids for answers: one command is under way at a time, and a sync at the beginning takes care of what an earlier talk left behind. */
export class GuestAgentClient implements AsyncDisposable {
  readonly #stream: Duplex;
  readonly #framing: GuestAgentFraming;
  #waiting: Waiting | undefined;
  #end: Fault | undefined;
  /** The sync that is under way. */
  #syncing: number | undefined;

  private constructor(stream: Duplex, maxAnswerBytes: number) {
    this.#stream = stream;
    this.#framing = new GuestAgentFraming(maxAnswerBytes);
    stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    stream.on('error', (error) => this.#finish(silence(error.message)));
    stream.once('close', () => this.#finish(silence('the connection ended')));
  }

  /** Connects and brings both sides into step. GUEST_AGENT_UNRESPONSIVE where nothing answers by the signal's end. */
  static async connect(
    sockets: HostSockets,
    path: string,
    signal: AbortSignal,
    { maxAnswerBytes = usualAnswerBytes }: { readonly maxAnswerBytes?: number } = {},
  ): Promise<GuestAgentClient> {
    const stream = await sockets.connect(path, signal).catch((thrown: unknown) => {
      throw signal.aborted ? deadlineOrAbort(signal) : silence(thrown instanceof Error ? thrown.message : String(thrown), thrown);
    });
    const client = new GuestAgentClient(stream, maxAnswerBytes);
    try {
      await client.#sync(signal);
    } catch (thrown) {
      stream.destroy();
      throw thrown;
    }
    return client;
  }

  /** Sends one command and resolves with what it returns; HYPERVISOR_FAILED with the agent's words where it refuses. */
  async execute(command: string, args: object, signal: AbortSignal): Promise<unknown> {
    return this.#ask(Buffer.from(`${JSON.stringify({ execute: command, arguments: args })}\n`), signal);
  }

  /** Resolves when the agent has begun. It answers only if it cannot, so that a ping behind it tells that it could. */
  async shutdown(mode: 'powerdown' | 'reboot', signal: AbortSignal): Promise<void> {
    const commands = [{ execute: 'guest-shutdown', arguments: { mode } }, { execute: 'guest-ping' }];
    await this.#ask(Buffer.from(commands.map((command) => `${JSON.stringify(command)}\n`).join('')), signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stream.destroy();
  }

  async #sync(signal: AbortSignal): Promise<void> {
    const id = randomInt(2 ** 31);
    this.#syncing = id;
    // The sentinel before it makes the agent give up a command that an earlier talk left half sent.
    await this.#ask(
      Buffer.concat([Buffer.from([0xff]), Buffer.from(`${JSON.stringify({ execute: 'guest-sync-delimited', arguments: { id } })}\n`)]),
      signal,
    );
    this.#syncing = undefined;
  }

  #ask(bytes: Buffer, signal: AbortSignal): Promise<unknown> {
    if (signal.aborted) return Promise.reject(deadlineOrAbort(signal));
    if (this.#end) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => this.#finish(deadlineOrAbort(signal));
      const leave = (): void => {
        this.#waiting = undefined;
        signal.removeEventListener('abort', onAbort);
      };
      this.#waiting = {
        resolve: (value) => {
          leave();
          resolve(value);
        },
        reject: (fault) => {
          leave();
          reject(fault);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#stream.write(bytes);
    });
  }

  #receive(chunk: Buffer): void {
    try {
      for (const line of this.#framing.push(chunk)) this.#answer(JSON.parse(line));
    } catch (thrown) {
      this.#finish(silence(`what it says makes no sense: ${thrown instanceof Error ? thrown.message : String(thrown)}`));
    }
  }

  #answer(message: unknown): void {
    if (typeof message !== 'object' || message === null) throw new SyntaxError('not an object');
    if ('return' in message) {
      // Talks that were left before their sync was answered have their answers come first.
      if (this.#syncing !== undefined && message.return !== this.#syncing) return;
      return this.#waiting?.resolve(message.return);
    }
    const error = 'error' in message && typeof message.error === 'object' && message.error !== null ? message.error : {};
    const words = ('desc' in error ? String(error.desc) : 'no words').slice(0, 1000);
    this.#waiting?.reject(
      new Fault('HYPERVISOR_FAILED', `the guest agent refused: ${words}`, {
        desc: words,
        class: 'class' in error ? String(error.class).slice(0, 100) : '',
      }),
    );
  }

  /** After a command that was not answered nothing that comes can be trusted to be an answer to the next. */
  #finish(fault: Fault): void {
    this.#end ??= fault;
    this.#waiting?.reject(fault);
    this.#stream.destroy();
  }
}

const silence = (words: string, cause?: unknown): Fault =>
  new Fault('GUEST_AGENT_UNRESPONSIVE', `the guest agent does not answer: ${words}`, { words }, { retryAfterMs: 1000, cause });

function deadlineOrAbort(signal: AbortSignal): Fault {
  const fault = abortFault(signal);
  return fault.reason === 'DEADLINE_EXCEEDED' ? silence('it took too long') : fault;
}

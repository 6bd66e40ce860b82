import { StringDecoder } from 'node:string_decoder';
import type { Connection } from '@virtmesh/client';
import type { OpenDomainConsoleRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { type ConsoleOpened, ConsoleOpen } from '@virtmesh/contracts/domain/v1/domain_service';

/** A console of a guest, opened as a client does it. */
export class ConsoleSession implements AsyncDisposable {
  /** All that came. */
  text = '';
  /** Resolves with the first message. */
  readonly opened: Promise<ConsoleOpened>;
  /** Resolves when the stream has ended by itself, rejects with its Fault. */
  readonly ended: Promise<void>;
  readonly #stop = new AbortController();
  readonly #typed: string[] = [];
  readonly #changed = new EventTarget();
  readonly #decoder = new StringDecoder('utf8');
  /** Why the stream ended; `by itself` where it told no fault. */
  #over: string | undefined;

  constructor(connection: Connection, open: Parameters<typeof ConsoleOpen.fromPartial>[0]) {
    const { promise, resolve, reject } = Promise.withResolvers<ConsoleOpened>();
    this.opened = promise;
    this.ended = this.#read(connection, ConsoleOpen.fromPartial(open), resolve);
    this.ended.then(() => reject(new Error('the console ended before it was open')), reject);
    this.ended.catch(() => undefined);
    this.opened.catch(() => undefined);
  }

  type(text: string): void {
    this.#typed.push(text);
    this.#wake();
  }

  /** Waits until the text matches; answers the match. */
  async until(pattern: RegExp, timeoutMs = 100_000): Promise<RegExpExecArray> {
    const deadline = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const match = pattern.exec(this.text);
      if (match) return match;
      if (this.#over !== undefined || deadline.aborted) {
        const why = this.#over === undefined ? `printed nothing like it within ${timeoutMs} ms` : `ended (${this.#over})`;
        throw new Error(`the console ${why}: ${pattern}; it printed:\n${this.text.slice(-2000)}`);
      }
      await this.#next(deadline);
    }
  }

  /** Waits until the guest has come to the prompt of its `boots`th boot, counted from the beginning of what came. */
  async ready(boots = 1): Promise<void> {
    await this.until(new RegExp(`(?:virtmesh guest: hello from[\\s\\S]*){${boots}}guest# `));
  }

  /** Types a command at the shell of the guest and answers what it printed. */
  async run(command: string, timeoutMs?: number): Promise<string> {
    const mark = Math.random().toString(36).slice(2, 8);
    // What the shell echoes of this does not match, however it wraps the line.
    this.type(`echo "be""gin ${mark}"; ${command}; echo "en""d ${mark}"\n`);
    const [, printed = ''] = await this.until(new RegExp(`begin ${mark}\\r?\\n([\\s\\S]*)end ${mark}\\r?\\n`), timeoutMs);
    return printed.replaceAll('\r', '').trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.ended.catch(() => undefined);
  }

  async #read(connection: Connection, open: ConsoleOpen, opened: (message: ConsoleOpened) => void): Promise<void> {
    try {
      for await (const { item } of connection.domains.openDomainConsole(this.#requests(open), { signal: this.#stop.signal })) {
        if (item?.$case === 'opened') opened(item.value);
        if (item?.$case === 'output') this.text += this.#decoder.write(item.value);
        this.#wake();
      }
      this.#over = 'by itself';
    } catch (thrown) {
      this.#over = String(thrown);
      throw thrown;
    } finally {
      this.#wake();
    }
  }

  async *#requests(open: ConsoleOpen): AsyncGenerator<OpenDomainConsoleRequest> {
    yield { item: { $case: 'open', value: open } };
    while (!this.#stop.signal.aborted) {
      const text = this.#typed.shift();
      if (text === undefined) await this.#next(this.#stop.signal);
      else yield { item: { $case: 'input', value: Buffer.from(text) } };
    }
  }

  #wake(): void {
    this.#changed.dispatchEvent(new Event('change'));
  }

  #next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#changed.removeEventListener('change', done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      if (signal.aborted) return resolve();
      this.#changed.addEventListener('change', done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

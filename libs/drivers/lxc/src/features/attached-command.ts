import { Fault } from '@virtmesh/base';
import type { ExecEnd, ExecSession, Host, SpawnedProcess } from '@virtmesh/driver-spi';
import type { Duplex } from 'node:stream';

type Part = { readonly stream: 'output' | 'error'; readonly bytes: Uint8Array };

/** A command that lxc-attach has brought into a container. */
export class AttachedCommand implements ExecSession {
  readonly pid = 0;
  readonly output: AsyncIterable<Part>;
  readonly ended: Promise<ExecEnd>;
  readonly #host: Host;
  readonly #process: SpawnedProcess;
  readonly #input: Duplex;

  private constructor(host: Host, process: SpawnedProcess) {
    this.#host = host;
    this.#process = process;
    const [input, output, error] = [0, 1, 2].map((descriptor) => process.streams.get(descriptor));
    if (!input || !output || !error) throw new Fault('INTERNAL_BUG', 'a command was started without its pipes');
    this.#input = input;
    this.output = merged({ output, error });
    this.ended = process.exited.then(({ code, signal }) => endOf(code, signal));
  }

  static async start(host: Host, attach: string, args: readonly string[], signal: AbortSignal): Promise<AttachedCommand> {
    const process = await host.processes.spawn({ file: attach, args, descriptors: ['pipe', 'pipe', 'pipe'], detached: false });
    const command = new AttachedCommand(host, process);
    signal.addEventListener('abort', () => command.#end(), { once: true });
    if (signal.aborted) command.#end();
    return command;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#input.destroyed || this.#input.writableEnded) return Promise.reject(inputEnded());
    return new Promise((resolve, reject) => {
      this.#input.write(bytes, (error) => (error ? reject(inputEnded()) : resolve()));
    });
  }

  endInput(): void {
    this.#input.end();
  }

  async resize(): Promise<void> {
    throw new Fault('FEATURE_UNSUPPORTED', 'the command has no terminal whose size could change; run it with one', {
      driver: 'lxc',
      feature: 'exec',
      why: 'it has pipes',
    });
  }

  async kill(signal: number): Promise<void> {
    const [command] = this.#host.processes.children(this.#process.identity);
    if (command) this.#host.processes.kill(command, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    await this.#process.exited;
  }

  #end(): void {
    for (const command of this.#host.processes.children(this.#process.identity)) this.#host.processes.kill(command, 'SIGKILL');
    this.#host.processes.kill(this.#process.identity, 'SIGKILL');
    for (const stream of this.#process.streams.values()) stream.destroy();
  }
}

/** LXC passes on a signal as a shell does, so that one cannot be told from an exit code of the same number. */
function endOf(code: number | undefined, signal: string | undefined): ExecEnd {
  if (code === undefined) return { exitCode: signal === 'SIGKILL' ? 137 : 143, signal: signal === 'SIGKILL' ? 9 : 15 };
  return { exitCode: code, signal: code > 128 && code <= 192 ? code - 128 : 0 };
}

const inputEnded = (): Fault =>
  new Fault('STATE_INVALID', 'the command takes no more input: it has ended, or its input has', { state: 'ended', allowed: 'running' });

/** What comes over several streams, as it comes; each waits for the reader. */
async function* merged(streams: { readonly output: Duplex; readonly error?: Duplex }): AsyncGenerator<Part> {
  const readers = Object.entries(streams).map(([name, stream]) => ({
    stream: name as Part['stream'],
    bytes: stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>,
  }));
  const pending = new Map(readers.map((reader) => [reader, next(reader)]));
  while (pending.size > 0) {
    const { reader, result } = await Promise.race(pending.values());
    if (result.done) pending.delete(reader);
    else {
      pending.set(reader, next(reader));
      yield { stream: reader.stream, bytes: result.value };
    }
  }
}

interface Reader {
  readonly stream: Part['stream'];
  readonly bytes: AsyncIterator<Buffer>;
}

const next = async (reader: Reader): Promise<{ readonly reader: Reader; readonly result: IteratorResult<Buffer> }> => ({
  reader,
  // A stream that is destroyed has ended.
  result: await reader.bytes.next().catch(() => ({ done: true as const, value: undefined })),
});

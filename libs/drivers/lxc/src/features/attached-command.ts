import { Fault, merged, settledWithin } from '@virtmesh/base';
import type { ExecEnd, ExecSession, Host, ProcessIdentity, SpawnedProcess, Terminal } from '@virtmesh/driver-spi';
import type { Duplex } from 'node:stream';

type Part = { readonly stream: 'output' | 'error'; readonly bytes: Uint8Array };

/** How a command is connected with: by pipes, or by a terminal. */
interface Connection {
  readonly process: Pick<SpawnedProcess, 'identity' | 'exited'>;
  readonly input: Duplex;
  readonly outputs: { readonly output: Duplex; readonly error?: Duplex };
  /** When what is written is not lost. */
  readonly ready: Promise<unknown>;
  readonly resize?: (terminal: Terminal) => void;
}

/** A command that lxc-attach has brought into a container. */
export class AttachedCommand implements ExecSession {
  readonly pid: number;
  readonly output: AsyncIterable<Part>;
  readonly ended: Promise<ExecEnd>;
  readonly #host: Host;
  readonly #connection: Connection;
  readonly #command: InnerProcess | undefined;

  private constructor(host: Host, connection: Connection, command: InnerProcess | undefined) {
    this.#host = host;
    this.#connection = connection;
    this.#command = command;
    this.pid = command?.innerPid ?? 0;
    this.output = partsOf(connection.outputs);
    this.ended = connection.process.exited.then(({ code, signal }) => endOf(code, signal));
  }

  static async start(host: Host, order: AttachOrder, signal: AbortSignal): Promise<AttachedCommand> {
    const connection = await (order.terminal ? byTerminal(host, order, order.terminal) : byPipes(host, order));
    const command = new AttachedCommand(host, connection, await findCommand(host, connection.process, signal));
    signal.addEventListener('abort', () => command.#end(), { once: true });
    if (signal.aborted) command.#end();
    return command;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const { input, ready } = this.#connection;
    await ready;
    if (input.destroyed || input.writableEnded) throw inputEnded();
    return new Promise((resolve, reject) => {
      input.write(bytes, (error) => (error ? reject(inputEnded()) : resolve()));
    });
  }

  /** The input of a terminal has no end of its own; it is typed. */
  endInput(): void {
    if (this.#connection.resize) this.write(endOfTransmission).catch(() => {});
    else this.#connection.input.end();
  }

  async resize(terminal: Terminal): Promise<void> {
    if (this.#connection.resize) return this.#connection.resize(terminal);
    throw new Fault('FEATURE_UNSUPPORTED', 'the command has no terminal whose size could change; run it with one', {
      driver: 'lxc',
      feature: 'exec',
      why: 'it has pipes',
    });
  }

  async kill(signal: number): Promise<void> {
    if (this.#command) this.#host.processes.kill(this.#command.identity, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    await this.#connection.process.exited;
  }

  #end(): void {
    const { process, input, outputs } = this.#connection;
    for (const command of this.#host.processes.children(process.identity)) this.#host.processes.kill(command, 'SIGKILL');
    this.#host.processes.kill(process.identity, 'SIGKILL');
    for (const stream of [input, ...Object.values(outputs)]) stream.destroy();
  }
}

/** A process of a container, and the number that it has there. */
interface InnerProcess {
  readonly identity: ProcessIdentity;
  readonly innerPid: number;
}

const maxStatusBytes = 65_536;
const [firstLookMs, longestLookMs] = [1, 16] as const;

/**
 * The command, as soon as lxc-attach has brought it into the container; undefined for one that has ended before it was
 * seen. The kernel tells a grandparent nothing of that, so this looks. Helpers of lxc-attach have no number of their own there.
 */
async function findCommand(
  host: Host,
  { identity, exited }: Connection['process'],
  signal: AbortSignal,
): Promise<InnerProcess | undefined> {
  for (
    let pauseMs: number = firstLookMs;
    !(await settledWithin(exited, pauseMs)) && !signal.aborted;
    pauseMs = Math.min(pauseMs * 2, longestLookMs)
  ) {
    for (const child of host.processes.children(identity)) {
      const status = await host.files.readText(`/proc/${child.pid}/status`, maxStatusBytes).catch(() => '');
      const inner = /^NSpid:\t\d+(?:\t\d+)*\t(\d+)$/m.exec(status)?.[1];
      if (inner !== undefined) return { identity: child, innerPid: Number(inner) };
    }
  }
  return undefined;
}

/** lxc-attach with its arguments, and the terminal that the command is to have. */
export interface AttachOrder {
  readonly attach: string;
  readonly args: readonly string[];
  readonly terminal: Terminal | undefined;
}

const endOfTransmission = Uint8Array.of(4);

async function byPipes(host: Host, { attach, args }: AttachOrder): Promise<Connection> {
  const process = await host.processes.spawn({ file: attach, args, descriptors: ['pipe', 'pipe', 'pipe'], detached: false });
  const [input, output, error] = [0, 1, 2].map((descriptor) => process.streams.get(descriptor));
  if (!input || !output || !error) throw new Fault('INTERNAL_BUG', 'a command was started without its pipes');
  return { process, input, outputs: { output, error }, ready: Promise.resolve() };
}

/** lxc-attach makes a terminal in the container and hands on between the two. As it takes ours over it throws away what was typed, and leaves on that ends of lines are changed a second time. */
async function byTerminal(host: Host, { attach, args }: AttachOrder, size: Terminal): Promise<Connection> {
  const process = await host.processes.spawnInTerminal({ file: attach, args, size });
  return {
    process,
    input: process.stream,
    outputs: { output: process.stream },
    ready: process.takenOver.then(() => process.makeRaw()),
    resize: (terminal) => process.resize(terminal),
  };
}

/** LXC passes on a signal as a shell does, so that one cannot be told from an exit code of the same number. */
function endOf(code: number | undefined, signal: string | undefined): ExecEnd {
  if (code === undefined) return { exitCode: signal === 'SIGKILL' ? 137 : 143, signal: signal === 'SIGKILL' ? 9 : 15 };
  return { exitCode: code, signal: code > 128 && code <= 192 ? code - 128 : 0 };
}

const inputEnded = (): Fault =>
  new Fault('STATE_INVALID', 'the command takes no more input: it has ended, or its input has', { state: 'ended', allowed: 'running' });

/** What comes over several streams, as it comes; each waits for the reader. */
const partsOf = (streams: { readonly output: Duplex; readonly error?: Duplex }): AsyncGenerator<Part> =>
  merged(Object.entries(streams).map(([name, stream]) => parts(name as Part['stream'], stream)));

async function* parts(name: Part['stream'], stream: Duplex): AsyncGenerator<Part> {
  try {
    for await (const bytes of stream) yield { stream: name, bytes: bytes as Buffer };
  } catch {
    // A stream that is destroyed has ended.
  }
}

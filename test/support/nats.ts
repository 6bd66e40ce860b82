import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A user of the server and the subjects it may use. */
export interface NatsUser {
  readonly user: string;
  readonly password: string;
  readonly permissions?: {
    readonly publish: { readonly allow: readonly string[] };
    readonly subscribe: { readonly allow: readonly string[] };
  };
}

/** A real nats-server with JetStream on loopback, with its store in a directory of its own, that can be killed and started again. */
export class NatsServer implements AsyncDisposable {
  readonly port: number;
  readonly #directory: string;
  #process: ChildProcess | undefined;

  private constructor(port: number, directory: string) {
    this.port = port;
    this.#directory = directory;
  }

  static async start(options: { readonly users?: readonly NatsUser[]; readonly running?: boolean } = {}): Promise<NatsServer> {
    const directory = await mkdtemp(join(tmpdir(), 'vm-nats-'));
    const server = new NatsServer(await freePort(), directory);
    const authorization = options.users ? { authorization: { users: options.users } } : {};
    await writeFile(
      server.#configPath,
      JSON.stringify({
        host: '127.0.0.1',
        port: server.port,
        jetstream: { store_dir: join(directory, 'store'), max_file_store: 4 * 1024 ** 3 },
        max_payload: 1024 ** 2,
        ...authorization,
      }),
    );
    if (options.running !== false) await server.restart();
    return server;
  }

  get url(): string {
    return `127.0.0.1:${this.port}`;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts the server if it does not run; answers when it takes connections. */
  async restart(): Promise<void> {
    if (this.#process) return;
    const child = spawn('nats-server', ['-c', this.#configPath, '-l', join(this.#directory, 'log')], { stdio: 'ignore' });
    this.#process = child;
    child.once('exit', () => {
      if (this.#process === child) this.#process = undefined;
    });
    await once(child, 'spawn');
    for (const end = Date.now() + 15_000; !(await accepts(this.port)); await delay(10)) {
      if (this.#process !== child || Date.now() > end) throw new Error(`nats-server did not start; see ${this.#directory}/log`);
    }
  }

  /** Ends the server with a signal and answers when it is gone; its store stays. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    if (!child) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }

  /** Stops and continues the process, so that it keeps its connections and answers nothing. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
  }
  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }

  get #configPath(): string {
    return join(this.#directory, 'nats.conf');
  }
}

/** A TCP port of loopback that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    // The server speaks first; before that it is not ready.
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

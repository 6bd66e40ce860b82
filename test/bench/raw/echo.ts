import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BytesClient } from './call.ts';

const program = fileURLToPath(new URL('./echo-server.ts', import.meta.url));

/** A grpc-js server in a process of its own that answers given bytes, and a client of it: what a call costs at least. */
export class Echo implements AsyncDisposable {
  readonly client: BytesClient;
  readonly socket: string;
  readonly #server: ChildProcess;

  private constructor(server: ChildProcess, socket: string) {
    this.#server = server;
    this.socket = socket;
    this.client = new BytesClient(socket);
  }

  /** `answers` by the path of the method. The socket and the answers are put into a directory below that one. */
  static async start(below: string, answers: Readonly<Record<string, Uint8Array>>): Promise<Echo> {
    const directory = await mkdtemp(join(below, 'echo-'));
    const socket = join(directory, 'echo.sock');
    const args = await Promise.all(
      Object.entries(answers).map(async ([path, bytes], index) => {
        const file = join(directory, `answer${index}.bin`);
        await writeFile(file, bytes);
        return `${path}=${file}`;
      }),
    );
    const server = spawn(process.execPath, [program, socket, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    if (server.stdout) await once(server.stdout, 'data', { signal: AbortSignal.timeout(20_000) });
    return new Echo(server, socket);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client[Symbol.dispose]();
    const exit = once(this.#server, 'exit');
    this.#server.kill();
    await exit;
  }
}

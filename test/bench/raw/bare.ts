import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type EncodedCall, LeanClient } from '../client/lean-client.ts';

const program = fileURLToPath(new URL('./bare-service.ts', import.meta.url));

type BareVerb = 'Start' | 'Suspend' | 'Resume' | 'Destroy';

/** About as long as a request of ours; the service does not read it. */
const request = new Uint8Array(20);
const callOf = (verb: BareVerb): EncodedCall => [`/bare/${verb}`, request];

/** A service in a process of its own that does one guest's verbs and nothing else: how near to the limit ours could come. */
export class Bare implements AsyncDisposable {
  readonly #server: ChildProcess;
  readonly #client: LeanClient;

  private constructor(server: ChildProcess, client: LeanClient) {
    this.#server = server;
    this.#client = client;
  }

  /** `args` are those of its QEMU; its files are put into a directory below that one, and QEMU's into `rawDir`. */
  static async start(below: string, rawDir: string, args: readonly string[]): Promise<Bare> {
    const directory = await mkdtemp(join(below, 'bare-'));
    const socket = join(directory, 'bare.sock');
    const server = spawn(process.execPath, [program, socket, join(directory, 'bare.db'), rawDir, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (server.stdout) await once(server.stdout, 'data', { signal: AbortSignal.timeout(20_000) });
    return new Bare(server, await LeanClient.start(socket));
  }

  /** Does verbs one after the other; answers how many milliseconds they took the client. */
  async perform(...verbs: readonly BareVerb[]): Promise<number> {
    return (await this.#client.run(...verbs.map(callOf))).ms;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
    const exit = once(this.#server, 'exit');
    this.#server.kill();
    await exit;
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { runCommand } from '@virtmesh/tools/run-command';
import { within } from '../deadline.ts';

const program = fileURLToPath(new URL('drive-grpc.py', import.meta.url));

/** A method by its path, and an encoded request. */
export type EncodedCall = readonly [path: string, request: Uint8Array];

/**
 * A gRPC client in a process of its own: Debian's for Python, as libvirt is measured by its own client for Python. What is
 * measured is then the server, and not what grpc-js takes in a client, which is several times more.
 */
export class LeanClient implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  private constructor(process: ChildProcess, answers: AsyncIterator<string>) {
    this.#process = process;
    this.#answers = answers;
  }

  /** Installs it by apt if it is missing. */
  static async start(socket: string): Promise<LeanClient> {
    if (!existsSync('/usr/lib/python3/dist-packages/grpc')) {
      process.stderr.write('installing python3-grpcio by apt ...\n');
      await runCommand(['apt-get', 'install', '-y', '--no-install-recommends', 'python3-grpcio']);
    }
    const child = spawn('/usr/bin/python3', [program, socket], { stdio: ['pipe', 'pipe', 'inherit'] });
    const client = new LeanClient(child, createInterface({ input: child.stdout })[Symbol.asyncIterator]());
    await within(20, 'the start of the client', client.#answers.next());
    return client;
  }

  /** Does calls one after the other; answers how many milliseconds they took the client, and the last answer. */
  async run(...calls: readonly EncodedCall[]): Promise<{ readonly ms: number; readonly answer: Buffer }> {
    const line = calls.map(([path, request]) => `${path} ${Buffer.from(request).toString('hex')}`).join(' ');
    this.#process.stdin?.write(`${line}\n`);
    const answer = await within(60, `the calls ${calls.map(([path]) => path).join(', ')}`, this.#answers.next());
    const [ms = '', hex = ''] = answer.done === true ? [] : answer.value.split(' ');
    if (ms === '') throw new Error(`the client ended in ${calls.map(([path]) => path).join(', ')}`);
    return { ms: Number(ms), answer: Buffer.from(hex, 'hex') };
  }

  /** As `run`, of calls that answer operations, of which the last must have ended well. */
  async perform(...calls: readonly EncodedCall[]): Promise<number> {
    const { ms, answer } = await this.run(...calls);
    const { name, result } = Operation.decode(answer);
    if (result?.$case !== 'response') throw new Error(`the operation ${name} did not end well`);
    return ms;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exit = once(this.#process, 'exit');
    this.#process.stdin?.end();
    await exit;
  }
}

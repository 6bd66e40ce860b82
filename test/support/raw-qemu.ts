import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

/** A line that QEMU's monitor sent. */
export interface QmpMessage {
  readonly event?: string;
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
  readonly data?: Readonly<Record<string, unknown>>;
}

async function connectWhenThere(path: string, child: ChildProcess): Promise<Socket> {
  for (;;) {
    const socket = connect(path);
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      // The socket appears while QEMU starts; nothing announces it.
      if (child.exitCode !== null) throw new Error(`QEMU ended with ${child.exitCode} before its monitor answered`, { cause: error });
      await delay(5);
    }
  }
}

/**
 * A QEMU that is run by hand, with none of the product's code between: what the guest image is tested with, and the
 * limit that benchmarks compare with. Its serial port `ttyS0` is read as text. Dispose it to kill it.
 */
export class RawQemu implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly events: QmpMessage[] = [];
  /** All that the first serial port has printed. */
  console = '';
  readonly #directory: string;
  readonly #changed = new EventTarget();
  readonly #replies = new Map<number, (message: QmpMessage) => void>();
  #monitor: Socket | undefined;
  #nextId = 1;

  private constructor(child: ChildProcess, directory: string) {
    this.child = child;
    this.#directory = directory;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.console += text;
      this.#changed.dispatchEvent(new Event('change'));
    });
    child.once('exit', () => this.#changed.dispatchEvent(new Event('change')));
  }

  /** Starts QEMU with these arguments, its monitor and its serial port, and waits until the monitor answers. */
  static async start(args: readonly string[]): Promise<RawQemu> {
    const directory = await mkdtemp(join(tmpdir(), 'virtmesh-raw-'));
    const path = join(directory, 'qmp');
    const monitor = ['-qmp', `unix:${path},server=on,wait=off`, '-serial', 'stdio', '-nodefaults', '-no-user-config', '-display', 'none'];
    const child = spawn('qemu-system-x86_64', [...monitor, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    const qemu = new RawQemu(child, directory);
    try {
      await once(child, 'spawn');
      await qemu.#attach(await connectWhenThere(path, child));
    } catch (error) {
      await qemu[Symbol.asyncDispose]();
      throw error;
    }
    return qemu;
  }

  async #attach(socket: Socket): Promise<void> {
    this.#monitor = socket;
    socket.on('error', () => socket.destroy());
    createInterface({ input: socket }).on('line', (line) => {
      const message = JSON.parse(line) as QmpMessage;
      if (message.event !== undefined) this.events.push(message);
      if (message.id !== undefined) this.#replies.get(message.id)?.(message);
      this.#changed.dispatchEvent(new Event('change'));
    });
    await this.execute('qmp_capabilities');
  }

  /** Runs a monitor command and answers its `return`. Rejects with QEMU's words. */
  async execute(command: string, parameters: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const id = this.#nextId++;
    const { promise, resolve } = Promise.withResolvers<QmpMessage>();
    this.#replies.set(id, resolve);
    this.#monitor?.write(`${JSON.stringify({ execute: command, arguments: parameters, id })}\n`);
    const message = await promise;
    this.#replies.delete(id);
    if (message.error) throw new Error(`${command}: ${message.error.desc}`);
    return message.return;
  }

  /** Types text at the first serial port. */
  type(text: string): void {
    this.child.stdin?.write(text);
  }

  /** Waits until `done` answers something, which is asked again at each event, console output and the exit. */
  async until<T>(what: string, done: () => T | undefined | false, timeoutMs = 30_000): Promise<T> {
    const deadline = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const result = done();
      if (result !== undefined && result !== false) return result;
      if (deadline.aborted)
        throw new Error(
          `no ${what} within ${timeoutMs} ms; events: ${this.events.map((e) => e.event).join(' ')}; console:\n${this.console.slice(-2000)}`,
        );
      await once(this.#changed, 'change', { signal: deadline }).catch(() => undefined);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null && this.child.pid !== undefined) {
      const exit = once(this.child, 'exit');
      this.child.kill('SIGKILL');
      await exit;
    }
    this.#monitor?.destroy();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

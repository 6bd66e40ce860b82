import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { serviceNodeEnvironment, serviceNodeFlags } from '@virtmesh/kit';

const repository = fileURLToPath(new URL('../../', import.meta.url));

export interface ServiceProcessOptions {
  /** Such as `node-agent`, a folder of services/. */
  readonly service: string;
  /** Where its configuration and log go. */
  readonly directory: string;
  readonly config: object;
  /** It is up when this unix socket takes connections. */
  readonly socket: string;
}

/** One service of ours as a process of its own, that can be killed and started again on the same state. */
export class ServiceProcess implements AsyncDisposable {
  #options: ServiceProcessOptions;
  #process: ChildProcess | undefined;

  constructor(options: ServiceProcessOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }
  get running(): boolean {
    return this.#process !== undefined;
  }

  /** Changes fields of its configuration, for the next start. */
  configure(over: object): void {
    this.#options = { ...this.#options, config: { ...this.#options.config, ...over } };
  }

  /** Starts it and answers when it takes calls. `env` holds failpoints and the like. */
  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    const child = await this.spawn(env);
    for (const end = Date.now() + 30_000; ; await delay(5)) {
      if (await accepts(this.#options.socket)) return;
      if (this.#process !== child || Date.now() > end) throw new Error(`${this.#options.service} did not start:\n${await this.log()}`);
    }
  }

  /**
   * Plants faults in the running process, or finds out with `trace` which places it passes; answers when they are in place.
   * Passes are counted from then. A start ends all that.
   */
  async plant(failpoints: string): Promise<void> {
    const said = `failpoints: ${failpoints}\n`;
    const logged = (await this.wholeLog()).length;
    await writeFile(this.#failpointsPath, failpoints);
    this.#process?.kill('SIGUSR2');
    for (const end = Date.now() + 10_000; !(await this.wholeLog()).slice(logged).includes(said); await delay(2)) {
      if (Date.now() > end) throw new Error(`${this.#options.service} did not take failpoints:\n${await this.log()}`);
    }
  }

  /** Starts it without waiting: a planted kill may end it before it serves. */
  async spawn(env: Readonly<Record<string, string>> = {}): Promise<ChildProcess> {
    const { config, directory, service } = this.#options;
    const file = join(directory, `${service}.yaml`);
    await writeFile(file, JSON.stringify(config));
    await writeFile(this.#failpointsPath, '');
    const log = openSync(this.#logPath, 'a');
    const args = [...serviceNodeFlags, join(repository, 'services', service, 'src/main.ts'), '--config', file];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', log, log],
      // A start is mostly the loading of its sources; a process that ends by itself leaves them for the next in the cache.
      env: {
        PATH: process.env['PATH'],
        ...serviceNodeEnvironment,
        NODE_COMPILE_CACHE: join(repository, '.cache/node'),
        VIRTMESH_FAILPOINTS: `@${this.#failpointsPath}`,
        ...env,
      },
    });
    closeSync(log);
    this.#process = child;
    child.once('exit', () => {
      if (this.#process === child) this.#process = undefined;
    });
    await once(child, 'spawn');
    return child;
  }

  /** Ends it with a signal and answers when it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    if (!child) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }

  /** Resolves when it has ended by itself, such as by a planted kill. */
  async ended(): Promise<void> {
    if (this.#process) await once(this.#process, 'exit');
  }

  /** The end of what it has logged, over all its lives. */
  async log(): Promise<string> {
    return (await this.wholeLog()).slice(-8000);
  }

  wholeLog(): Promise<string> {
    return readFile(this.#logPath, 'utf8').catch(() => '');
  }

  /** Asks it to end, and kills it where it does not. */
  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.kill('SIGTERM');
    if ((await Promise.race([ended.then(() => true), delay(15_000, undefined, { ref: false })])) === true) return;
    await this.kill('SIGKILL');
    throw new Error(`${this.#options.service} did not end when it was asked to:\n${await this.log()}`);
  }

  get #failpointsPath(): string {
    return join(this.#options.directory, `${this.#options.service}.failpoints`);
  }

  get #logPath(): string {
    return join(this.#options.directory, `${this.#options.service}.log`);
  }
}

function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

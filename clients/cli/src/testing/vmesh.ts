import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createMetrics, RpcServer, silentLogger } from '@virtmesh/kit';
import { runHere, until } from './in-process.ts';
import { servicesOf } from './services.ts';
import { World } from './world.ts';

export const vmeshPath = fileURLToPath(new URL('../../../../bin/vmesh', import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CallOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with the running process, to signal it or to write to it. */
  readonly meanwhile?: (call: RunningCall) => Promise<void>;
}

export interface RunningCall {
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly write: (text: string) => void;
  /** Ends stdin. */
  readonly end: () => void;
  /** What was printed until now, stdout before stderr. */
  readonly text: () => string;
  /** Resolves when stdout and stderr together have this text. */
  readonly printed: (text: string) => Promise<void>;
}

/** A served world, and the real command line as a process of its own. */
export class Bench implements AsyncDisposable {
  readonly world: World;
  readonly directory: string;
  readonly socket: string;
  readonly #children = new Set<ChildProcess>();
  #server: RpcServer | undefined;

  private constructor(world: World, directory: string) {
    this.world = world;
    this.directory = directory;
    this.socket = join(directory, 's.sock');
  }

  static async start(): Promise<Bench> {
    const bench = new Bench(new World(), await mkdtemp(join(tmpdir(), 'vmesh-')));
    await mkdir(cacheDirectory, { recursive: true });
    await bench.serve();
    return bench;
  }

  async serve(): Promise<void> {
    this.#server = await RpcServer.start({
      endpoints: [{ kind: 'unix', path: this.socket, mode: 0o600, role: 'raw' }],
      services: servicesOf(this.world),
      log: silentLogger(),
      metrics: createMetrics({ process: false }),
    });
  }

  async unserve(): Promise<void> {
    await this.#server?.drain(0);
    this.#server = undefined;
  }

  environment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
    return {
      PATH: process.env['PATH'] ?? '',
      HOME: this.directory,
      XDG_CACHE_HOME: cacheDirectory,
      VIRTMESH_URI: `unix://${this.socket}`,
      TERM: 'xterm',
      ...extra,
    };
  }

  /** Runs a command line in this process, which is quick; with VMESH_TEST_SPAWNED set, in one of its own. */
  call(words: readonly string[], options: CallOptions = {}): Promise<Outcome> {
    return process.env['VMESH_TEST_SPAWNED'] ? this.spawned(words, options) : runHere(words, this.environment(options.env), options);
  }

  /** Runs `bin/vmesh` with these words. */
  spawned(words: readonly string[], options: CallOptions = {}): Promise<Outcome> {
    return this.run(vmeshPath, words, options);
  }

  /** Runs any program where `vmesh` finds this server. */
  run(program: string, words: readonly string[], options: CallOptions = {}): Promise<Outcome> {
    const child = spawn(program, words, { env: this.environment(options.env), stdio: ['pipe', 'pipe', 'pipe'] });
    this.#children.add(child);
    let [stdout, stderr] = ['', ''];
    const grown = new EventTarget();
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      grown.dispatchEvent(new Event('more'));
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      grown.dispatchEvent(new Event('more'));
    });
    child.stdin.on('error', () => undefined);
    if (options.input !== undefined) child.stdin.end(options.input);
    else if (options.meanwhile === undefined) child.stdin.end();
    const printed = (text: string): Promise<void> => until(grown, () => (stdout + stderr).includes(text));
    const failed = options.meanwhile?.({
      kill: (signal) => void child.kill(signal),
      write: (text) => void child.stdin.write(text),
      end: () => void child.stdin.end(),
      text: () => stdout + stderr,
      printed,
    });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      failed?.catch(reject);
      child.once('close', (code) => {
        this.#children.delete(child);
        resolve({ code, stdout, stderr });
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A test that failed may have left some; a pseudo-terminal takes those on it along.
    for (const child of this.#children) child.kill('SIGKILL');
    await this.unserve();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Compiled code is shared by all calls of a test run, as it is by a user's. */
const cacheDirectory = join(tmpdir(), `vmesh-test-cache-${process.pid}`);

/** Takes away what `Bench`es of this process share. */
export const removeCache = (): Promise<void> => rm(cacheDirectory, { recursive: true, force: true });

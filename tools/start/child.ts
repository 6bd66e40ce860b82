import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { constants } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** What to run. */
export interface ChildRequest {
  readonly name: string;
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Its output, in two files of at most 5 MiB. */
  readonly logFile: string;
}

/** A service's process. Its output goes to rotatelogs and not through this process, whose end it does not notice. */
export class Child {
  readonly name: string;
  readonly pid: number;
  /** Its exit code, or 128 and the signal's number, when it has ended. */
  readonly exit: Promise<number>;
  readonly #process: ChildProcess;
  readonly #logFile: string;
  #ended = false;

  private constructor(request: ChildRequest, child: ChildProcess, pid: number) {
    this.name = request.name;
    this.pid = pid;
    this.#process = child;
    this.#logFile = request.logFile;
    this.exit = once(child, 'exit').then(([code, signal]) => {
      this.#ended = true;
      return typeof code === 'number' ? code : 128 + constants.signals[signal as NodeJS.Signals];
    });
  }

  /** Starts a service in a process group of its own, so that Ctrl-C reaches it only in its turn. */
  static async start(request: ChildRequest): Promise<Child> {
    const [program, ...args] = request.argv;
    const log = spawn('rotatelogs', ['-n', '2', request.logFile, '5M'], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    await once(log, 'spawn');
    try {
      const child = spawn(program, args, { cwd: request.cwd, env: request.env, stdio: ['ignore', log.stdin, log.stdin], detached: true });
      await once(child, 'spawn');
      if (child.pid === undefined) throw new Error(`${request.name} has no process id`);
      return new Child(request, child, child.pid);
    } finally {
      // The child has its own end now; rotatelogs ends with it.
      log.stdin.destroy();
      log.unref();
    }
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Asks it to end, and kills it if it has not within `graceMs`. Answers its exit code. */
  async stop(graceMs: number): Promise<number> {
    if (!this.#ended) this.#process.kill('SIGTERM');
    const late = new AbortController();
    const timeout = delay(graceMs, undefined, { signal: late.signal }).then(
      () => this.#process.kill('SIGKILL'),
      () => undefined,
    );
    const code = await this.exit;
    late.abort();
    await timeout;
    return code;
  }

  /** The last lines of its output. */
  async lastLines(count: number): Promise<readonly string[]> {
    return lastLogLines(this.#logFile, count);
  }
}

/** The last lines of a log that rotatelogs writes in turn to `path` and `path.1`. */
export async function lastLogLines(path: string, count: number): Promise<readonly string[]> {
  const names = (await readdir(dirname(path)).catch(() => [])).filter((name) => name === basename(path) || name === `${basename(path)}.1`);
  const files = await Promise.all(names.map(async (name) => ({ name, time: (await stat(join(dirname(path), name))).mtimeMs })));
  const newest = files.toSorted((a, b) => b.time - a.time)[0];
  if (newest === undefined) return [];
  return (await readFile(join(dirname(path), newest.name), 'utf8')).trimEnd().split('\n').slice(-count);
}

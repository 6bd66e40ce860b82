import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { text } from 'node:stream/consumers';

/** How a command is run, beyond its arguments. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What the command reads; nothing if left out. */
  readonly input?: string;
  readonly signal?: AbortSignal;
}

/** What a command left behind. */
export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that could not be run, or that failed; the message holds its words. */
export class CommandFailed extends Error {
  readonly argv: readonly string[];
  readonly result: RunResult;

  constructor(argv: readonly string[], result: RunResult) {
    const words = (result.stderr.trim() || result.stdout.trim()).split('\n').slice(-12).join('\n');
    super(`${argv.join(' ')}: exit code ${result.exitCode}${words ? `\n${words}` : ''}`);
    this.name = 'CommandFailed';
    this.argv = argv;
    this.result = result;
  }
}

/** Runs a command to its end, whatever its exit code. Rejects only where it cannot be started, or `signal` ends it. */
export async function tryCommand(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [program, ...args] = argv;
  if (program === undefined) throw new TypeError('a command needs at least a program');
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const { stdin, stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error(`${program}: no pipes`);
  const exit = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
  // A command that ends before it has read its input is judged by its exit code, not by the broken pipe.
  stdin?.on('error', () => undefined).end(options.input);
  const [exitCode, out, err] = await Promise.all([exit, text(stdout), text(stderr)]);
  return { exitCode, stdout: out, stderr: err };
}

/** Runs a command to its end and answers what it printed. Rejects with {@link CommandFailed} unless it exits with 0. */
export async function runCommand(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await tryCommand(argv, options);
  if (result.exitCode !== 0) throw new CommandFailed(argv, result);
  return result.stdout;
}

import { Fault } from '@virtmesh/base';
import type { Exec, ExecEnd, ExecOrder, ExecSession } from '@virtmesh/driver-spi';
import { setTimeout as pass } from 'node:timers/promises';
import type { DriverContext } from '../../context.ts';
import { agentTimeoutMs, talk } from '../../guest-agent/talk.ts';
import type { LiveGuest } from '../../lifecycle/live-guest.ts';
import { int32Told, numberTold, told, type Told } from './reading.ts';

/** The agent keeps up to 16 MiB of each stream, and tells both at the end in one answer, a third longer. */
const maxAnswerBytes = 48 * 1024 * 1024;
const answerTimeoutMs = 60_000;
/** How fast an order comes through to a guest whose CPU is emulated, on a busy host. */
const slowestBytesPerMs = 200;
/** The agent tells nobody when a command ends. */
const firstLookMs = 20;
const longestLookMs = 1000;
/** What a command gets beside the variables that are asked for: with those the agent gives it no others. */
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export const execFeature = (context: DriverContext): Exec => ({
  takesFirstInput: true,
  exec: async (ref, order, signal) => {
    requireSupported(order);
    const guest = context.guests.running(ref);
    const pid = await begin(context, guest, order, signal);
    return new AgentExec(context, guest, pid);
  },
});

/** The agent runs a command as itself, in its own directory, with pipes. */
function requireSupported(order: ExecOrder): void {
  const refuse = (field: string, description: string): never => {
    throw Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [{ field: `open.${field}`, description }]);
  };
  if (order.terminal) refuse('terminal', 'the agent in the guest gives commands no terminal; leave it out, or use the console');
  if (order.workingDirectory !== '' && order.workingDirectory !== '/')
    refuse('working_directory', 'the agent in the guest begins commands in its own directory; leave it out');
  if (order.uid !== 0) refuse('uid', 'the agent in the guest runs commands as its own user, which is root; leave it out');
  if (order.gid !== 0) refuse('gid', 'the agent in the guest runs commands as its own group, which is root; leave it out');
}

async function begin(
  context: DriverContext,
  guest: LiveGuest,
  { command, environment, firstInput }: ExecOrder,
  signal: AbortSignal,
): Promise<number> {
  const [path = '', ...arg] = command;
  const variables = Object.entries(environment);
  const env = variables.length === 0 ? {} : { env: Object.entries({ PATH: defaultPath, ...environment }).map((pair) => pair.join('=')) };
  const given = firstInput === undefined ? {} : { 'input-data': Buffer.from(firstInput).toString('base64') };
  const order = { path, arg, ...env, ...given, 'capture-output': true };
  const patience = AbortSignal.timeout(agentTimeoutMs + Math.ceil(JSON.stringify(order).length / slowestBytesPerMs));
  try {
    return await talk(context, guest, AbortSignal.any([signal, patience]), async (ask) =>
      numberTold(told(await ask('guest-exec', order))['pid']),
    );
  } catch (thrown) {
    const why = Fault.is(thrown, 'GUEST_AGENT_FAILED') ? notExecuted(thrown.metadata['desc'] ?? '') : undefined;
    if (why === undefined) throw thrown;
    const description = `${JSON.stringify(path)} cannot be run in the guest: ${why}`;
    throw Fault.ofViolations('REQUEST_INVALID', description, [{ field: 'open.command', description }]);
  }
}

/** What the guest's system says of a program that it does not run, of all that the agent says around it. */
const notExecuted = (words: string): string | undefined => /Failed to execute child process.*\(([^()]+)\)/.exec(words)?.[1];

/** A command that the agent runs. What it writes is told at its end, and nothing can be given to it while it runs. */
class AgentExec implements ExecSession {
  readonly pid: number;
  readonly output: ExecSession['output'];
  readonly ended: Promise<ExecEnd>;
  readonly #context: DriverContext;
  readonly #guest: LiveGuest;
  readonly #disposed = new AbortController();
  readonly #result: Promise<Told>;
  /** From then on its number may be another process's. */
  #isOver = false;

  constructor(context: DriverContext, guest: LiveGuest, pid: number) {
    this.#context = context;
    this.#guest = guest;
    this.pid = pid;
    this.#result = this.#wait();
    this.#result.catch(() => {});
    this.output = this.#read();
    this.ended = this.#result.then(endTold);
    this.ended.catch(() => {});
  }

  write(): Promise<void> {
    return Promise.reject(this.#unsupported('nothing can be written to a command while it runs, only given to it at its beginning'));
  }

  /** There is none. */
  endInput(): void {}

  resize(): Promise<void> {
    return Promise.reject(this.#unsupported('commands have no terminal'));
  }

  async kill(signal: number): Promise<void> {
    await this.#signal(signal, AbortSignal.timeout(agentTimeoutMs));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed.signal.aborted) return;
    this.#disposed.abort();
    // A guest that has no kill, or is gone, keeps what it runs.
    await this.#signal(sigkill, AbortSignal.timeout(agentTimeoutMs)).catch(() => {});
  }

  async #signal(signal: number, within: AbortSignal): Promise<void> {
    if (this.#isOver) return;
    const order = { path: 'kill', arg: [`-${signal}`, String(this.pid)] };
    await talk(this.#context, this.#guest, within, (ask) => ask('guest-exec', order)).catch((thrown: unknown) => {
      throw Fault.is(thrown, 'GUEST_AGENT_FAILED') ? this.#unsupported('the guest has no program kill') : thrown;
    });
  }

  async *#read(): AsyncGenerator<{ readonly stream: 'output' | 'error'; readonly bytes: Uint8Array }> {
    const result = await this.#result;
    for (const [stream, data] of [
      ['output', 'out-data'],
      ['error', 'err-data'],
    ] as const) {
      const bytes = typeof result[data] === 'string' ? Buffer.from(result[data], 'base64') : Buffer.alloc(0);
      if (bytes.length > 0) yield { stream, bytes };
    }
    if (result['out-truncated'] === true || result['err-truncated'] === true)
      throw new Fault('LIMIT_EXCEEDED', 'the command wrote more than the agent in the guest keeps; have it write to a file', {
        pid: String(this.pid),
      });
  }

  /** Looks until the command has ended; each time in a talk of its own, so that others can talk in between. */
  async #wait(): Promise<Told> {
    for (let pause = firstLookMs; ; pause = Math.min(pause * 2, longestLookMs)) {
      const within = AbortSignal.any([this.#disposed.signal, AbortSignal.timeout(answerTimeoutMs)]);
      const status = told(
        await talk(this.#context, this.#guest, within, (ask) => ask('guest-exec-status', { pid: this.pid }), { maxAnswerBytes }),
      );
      if (status['exited'] === true) {
        this.#isOver = true;
        return status;
      }
      await pass(pause, undefined, { signal: this.#disposed.signal });
    }
  }

  #unsupported(why: string): Fault {
    const words = `by the agent in a guest ${why}`;
    return new Fault('FEATURE_UNSUPPORTED', `${words}; use the console, or a connection to the guest itself`, {
      driver: 'qemu',
      feature: 'exec',
      why: words,
    });
  }
}

const sigkill = 9;

function endTold(status: Told): ExecEnd {
  const signal = int32Told(status['signal']);
  // Windows' codes have 32 bits without a sign.
  return { exitCode: signal > 0 ? 128 + signal : numberTold(status['exitcode']) | 0, signal };
}

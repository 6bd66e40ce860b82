import { chmod, mkdir, readFile, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import type { Host } from '@virtmesh/driver-spi';
import { within } from '../deadline.ts';

/** A QEMU of the same arguments as the agent's, started by hand: the limit of what a start can be. */
export interface RawGuest {
  readonly child: ChildProcess;
  readonly monitor: Duplex;
  /** Resolves with the answer to a monitor command. */
  execute(command: string): Promise<unknown>;
  /** Resolves at the next event of that name. */
  event(name: string): Promise<void>;
}

const firstVncPort = 5900;

/**
 * The arguments of the agent's QEMU, so that they can be used again: the monitor inherited as descriptor 3, no logs, own
 * directory, and a VNC port of its own, since the agent gives a port to one guest after the other.
 */
export async function argumentsOf(pid: bigint, agentRunDir: string, rawDir: string, vncPort: number): Promise<string[]> {
  const [, ...args] = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').slice(0, -1);
  const raw: string[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? '';
    if (arg === '-add-fd') {
      index += 1;
      continue;
    }
    if (args[index - 1] === '-vnc') {
      raw.push(arg.replace(/:\d+/, `:${vncPort - firstVncPort}`));
      continue;
    }
    raw.push(
      arg
        .replace(/(id=[^,]*(?:qmp|mon)[^,]*),fd=\d+/, '$1,fd=3')
        .replace(/,logfile=[^,]*,logappend=on/, '')
        .replaceAll(agentRunDir, rawDir),
    );
  }
  return raw;
}

/** Starts it and resolves when its guest runs. */
export async function startRaw(
  host: Host,
  args: readonly string[],
  directory: string,
  options: { readonly paused?: boolean } = {},
): Promise<RawGuest> {
  const uid = args[args.indexOf('-uuid') + 1] ?? '';
  const runDir = join(directory, uid);
  await mkdir(runDir, { recursive: true });
  await chmod(runDir, 0o777);
  const path = join(runDir, 'monitor');
  await rm(path, { force: true });
  const listening = await host.sockets.listen(path);
  const words = join(runDir, 'stderr');
  const stderr = openSync(words, 'w');
  const child = spawn('/usr/bin/qemu-system-x86_64', args, { stdio: ['ignore', 'ignore', stderr, listening.fd], detached: true });
  closeSync(stderr);
  // From here on QEMU alone takes the connection.
  await listening.close();
  try {
    const guest = attach(child, await host.sockets.connect(path, AbortSignal.timeout(20_000)), words);
    await guest.execute('qmp_capabilities');
    if (!options.paused) await guest.execute('cont');
    return guest;
  } catch (thrown) {
    child.kill('SIGKILL');
    throw thrown;
  }
}

interface Answer {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (reason: Error) => void;
}

function attach(child: ChildProcess, monitor: Duplex, words: string): RawGuest {
  const answers: Answer[] = [];
  const waiting = new Map<string, () => void>();
  const lines = createInterface({ input: monitor });
  // A killed QEMU resets its connection, which the interface repeats.
  lines.on('error', () => monitor.destroy());
  lines.on('line', (line) => {
    const message = JSON.parse(line) as { event?: string; QMP?: unknown };
    if (message.event !== undefined) waiting.get(message.event)?.();
    else if (message.QMP === undefined) answers.shift()?.resolve(message);
  });
  monitor.on('error', () => monitor.destroy());
  const ended = (): Error => new Error(`the QEMU started by hand has ended: ${readFileSync(words, 'utf8').trim() || 'without a word'}`);
  monitor.on('close', () => {
    for (const { reject } of answers.splice(0)) reject(ended());
  });
  return {
    child,
    monitor,
    execute: (command) => {
      if (monitor.destroyed) return Promise.reject(ended());
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      answers.push({ resolve, reject });
      monitor.write(`{"execute":"${command}"}\n`);
      return promise;
    },
    event: (name) => new Promise((resolve) => waiting.set(name, resolve)),
  };
}

/** Ends it with a signal and resolves when it is gone. */
export async function endRaw({ child, monitor }: RawGuest, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, 'exit');
    child.kill(signal);
    await within(20, `the end of the QEMU started by hand (pid ${child.pid}) by ${signal}`, exit);
  }
  monitor.destroy();
}

import { PassThrough } from 'node:stream';
import { run } from '../run.ts';
import type { Terminal } from '../terminal.ts';
import type { CallOptions, Outcome } from './vmesh.ts';

/** Runs a command line in this process, with pipes for a terminal. */
export async function runHere(words: readonly string[], env: Readonly<Record<string, string>>, options: CallOptions): Promise<Outcome> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const text = { stdout: '', stderr: '' };
  const grown = new EventTarget();
  for (const [name, stream] of [
    ['stdout', stdout],
    ['stderr', stderr],
  ] as const) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk;
      grown.dispatchEvent(new Event('more'));
    });
  }
  const listeners = new Set<Parameters<Terminal['onSignal']>[0]>();
  const terminal: Terminal = {
    stdin,
    stdout,
    stderr,
    env,
    now: () => Date.now(),
    onSignal: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  if (options.input !== undefined) stdin.end(options.input);
  else if (options.meanwhile === undefined) stdin.end();
  const ended = run(words, terminal);
  await options.meanwhile?.({
    kill: (signal) => {
      if (signal === 'SIGINT' || signal === 'SIGTERM' || signal === 'SIGHUP') for (const listener of [...listeners]) listener(signal);
    },
    write: (chunk) => void stdin.write(chunk),
    end: () => void stdin.end(),
    text: () => text.stdout + text.stderr,
    printed: (wanted) => until(grown, () => (text.stdout + text.stderr).includes(wanted)),
  });
  const code = await ended;
  // What was written last may be on its way through the pipes.
  await new Promise((resolve) => setImmediate(resolve));
  return { code, ...text };
}

/** Resolves when a condition holds, looked at whenever there is more. */
export function until(grown: EventTarget, holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!holds()) return;
      grown.removeEventListener('more', look);
      resolve();
    };
    grown.addEventListener('more', look);
    look();
  });
}

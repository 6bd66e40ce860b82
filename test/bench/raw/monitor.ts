import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';

/** QMP with nothing between. */
export interface RawMonitor {
  readonly stream: Duplex;
  /** Resolves with the answer to a command. */
  execute(command: string): Promise<unknown>;
  /** Resolves at the next event of that name. */
  event(name: string): Promise<void>;
}

interface Answer {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (reason: Error) => void;
}

/** Speaks QMP on a connection; `lastWords` tells why it ended. */
export function attachMonitor(stream: Duplex, lastWords = (): string => 'its connection ended'): RawMonitor {
  const answers: Answer[] = [];
  const waiting = new Map<string, () => void>();
  const lines = createInterface({ input: stream });
  // A killed QEMU resets its connection, which the interface repeats.
  lines.on('error', () => stream.destroy());
  lines.on('line', (line) => {
    const message = JSON.parse(line) as { event?: string; QMP?: unknown };
    if (message.event !== undefined) waiting.get(message.event)?.();
    else if (message.QMP === undefined) answers.shift()?.resolve(message);
  });
  stream.on('error', () => stream.destroy());
  const ended = (): Error => new Error(`the QEMU started by hand has ended: ${lastWords()}`);
  stream.on('close', () => {
    for (const { reject } of answers.splice(0)) reject(ended());
  });
  return {
    stream,
    execute: (command) => {
      if (stream.destroyed) return Promise.reject(ended());
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      answers.push({ resolve, reject });
      stream.write(`{"execute":"${command}"}\n`);
      return promise;
    },
    event: (name) => new Promise((resolve) => waiting.set(name, resolve)),
  };
}

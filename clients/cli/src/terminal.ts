import type { Readable, Writable } from 'node:stream';

/** What a stream may have beyond a stream when a terminal stands behind it. */
export interface TerminalInput extends Readable {
  readonly isTTY?: boolean;
  readonly fd?: number;
  setRawMode?(mode: boolean): unknown;
}

export interface TerminalOutput extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** All that the command line has of its process. Tests bring their own. */
export interface Terminal {
  readonly stdin: TerminalInput;
  readonly stdout: TerminalOutput;
  readonly stderr: TerminalOutput;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The time in milliseconds since 1970. */
  now(): number;
  /** Calls back at each SIGINT, SIGTERM or SIGHUP until the answer is called. */
  onSignal(listener: (signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP') => void): () => void;
}

/** The terminal of a process. */
export function processTerminal(owner: NodeJS.Process): Terminal {
  return {
    stdin: owner.stdin,
    stdout: owner.stdout,
    stderr: owner.stderr,
    env: owner.env,
    now: () => Date.now(),
    onSignal: (listener) => {
      const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
      for (const signal of signals) owner.on(signal, listener);
      return () => {
        for (const signal of signals) owner.off(signal, listener);
      };
    },
  };
}

/** Writes, and waits until a slow reader has taken enough that the next write does not pile up. */
export function writeOut(output: Writable, chunk: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}

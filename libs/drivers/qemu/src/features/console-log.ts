import type { Host } from '@virtmesh/driver-spi';
import { basename } from 'node:path';
import { type LogFile, logFiles } from '../process/log-files.ts';
import { LogCursor } from './log-cursor.ts';

export interface LogReading {
  readonly directory: string;
  readonly log: string;
  /** How many files the circle has. */
  readonly files: number;
  /** How much of what is there already is read; -1 for all. */
  readonly replayBytes: number;
  /** With it the reading goes on until this has resolved, and what was written until then was read. */
  readonly end?: Promise<unknown>;
  /** How long after the end the last bytes may take into the log. */
  readonly drainMs?: number;
}

const chunkBytes = 64 * 1024;

/** Reads a circular log, from some of what is there on, without gap or repeat but where the writer has overtaken the reader. */
export async function* readLog(host: Host, reading: LogReading, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  // A domain that never started has no logs.
  if (!(await host.files.stat(reading.directory))) return;
  const look = (): Promise<readonly LogFile[]> => logFiles(host, reading.log, reading.files);
  using changes = reading.end ? new Changes(host, reading, signal) : undefined;
  const cursor = new LogCursor(await look(), reading.files, reading.replayBytes);
  for (;;) {
    if (signal.aborted) return;
    changes?.clear();
    const isFinal = changes?.isFinal ?? true;
    const part = cursor.next(await look(), chunkBytes);
    if (part) {
      const bytes = await readPart(host, part);
      cursor.advance(bytes.length);
      if (bytes.length > 0) yield bytes;
    } else if (isFinal || !changes) {
      return;
    } else {
      await changes.wait();
    }
  }
}

async function readPart(host: Host, part: { readonly path: string; readonly position: number; readonly length: number }): Promise<Buffer> {
  await using file = await host.files.open(part.path);
  return await file.read(part.position, part.length);
}

/** Wakes a reader when the log may have grown, when its writer has ended, and when the reader is not wanted any more. */
class Changes implements Disposable {
  readonly #stop = new AbortController();
  #changed = true;
  #final = false;
  #wake: () => void = () => {};
  #drain: NodeJS.Timeout | undefined;

  constructor(host: Host, { directory, log, end, drainMs }: LogReading, signal: AbortSignal) {
    const signals = AbortSignal.any([signal, this.#stop.signal]);
    const prefix = basename(log);
    host.files.watch(directory, (name) => name.startsWith(prefix) && this.#change(), signals);
    signals.addEventListener('abort', () => this.#wake(), { once: true });
    void end?.then(() => {
      this.#drain = setTimeout(() => {
        this.#final = true;
        this.#change();
      }, drainMs);
    });
  }

  /** What is not in the log now will never be. */
  get isFinal(): boolean {
    return this.#final;
  }

  clear(): void {
    this.#changed = false;
  }

  async wait(): Promise<void> {
    if (this.#changed || this.#stop.signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#drain);
    this.#stop.abort();
  }

  #change(): void {
    this.#changed = true;
    this.#wake();
  }
}

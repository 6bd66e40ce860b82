import type { Host } from '@virtmesh/driver-spi';
import { basename, dirname } from 'node:path';
import { logFiles } from '../process/log-files.ts';
import { LogCursor, type LogPart } from './log-cursor.ts';

export interface LogReading {
  readonly log: string;
  /** How much of what is there already is read; -1 for all. */
  readonly replayBytes: number;
  /** With it the reading goes on until this has resolved, and what was written until then was read. */
  readonly end?: Promise<unknown>;
  /** How long after the end the last bytes may take into the log. */
  readonly drainMs: number;
}

const chunkBytes = 64 * 1024;

/** Reads a log, from some of what is there on, without gap or repeat but where the writer has overtaken the reader. */
export async function* readLog(host: Host, reading: LogReading, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  // A domain that never started has no logs.
  if (!(await host.files.stat(dirname(reading.log)))) return;
  using changes = reading.end ? new Changes(host, reading, reading.end, signal) : undefined;
  const cursor = new LogCursor(await logFiles(host, reading.log), reading.replayBytes);
  while (!signal.aborted) {
    changes?.clear();
    const isFinal = changes?.isFinal ?? true;
    const part = cursor.next(await logFiles(host, reading.log), chunkBytes);
    if (part) {
      const bytes = await readPart(host, part);
      if (!bytes) continue;
      cursor.advance(bytes.length);
      if (bytes.length > 0) yield bytes;
    } else if (isFinal || !changes) return;
    else await changes.wait();
  }
}

/** Undefined where the file has another name by now: look again. */
async function readPart(host: Host, part: LogPart): Promise<Buffer | undefined> {
  try {
    await using file = await host.files.open(part.path);
    return (await file.stat()).identity === part.identity ? await file.read(part.position, part.length) : undefined;
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
    throw thrown;
  }
}

/** Wakes a reader when the log may have grown, when its writer has ended, and when the reader is not wanted any more. */
class Changes implements Disposable {
  readonly #stop = new AbortController();
  #changed = true;
  #final = false;
  #wake: () => void = () => {};
  #drain: NodeJS.Timeout | undefined;

  constructor(host: Host, { log, drainMs }: LogReading, end: Promise<unknown>, signal: AbortSignal) {
    const signals = AbortSignal.any([signal, this.#stop.signal]);
    const prefix = basename(log);
    host.files.watch(dirname(log), (name) => name.startsWith(prefix) && this.#change(), signals);
    signals.addEventListener('abort', () => this.#wake(), { once: true });
    void end.then(() => {
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

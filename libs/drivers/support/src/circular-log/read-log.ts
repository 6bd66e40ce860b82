import type { Host } from '@virtmesh/driver-spi';
import { basename, dirname } from 'node:path';
import type { CircularLog } from './files.ts';
import { LogReader } from './reader.ts';

/** What is read of a log. */
export interface LogReading {
  /** How much of what is there already is read; -1 for all. */
  readonly replayBytes: number;
  /** With it the reading goes on until this has resolved, and what was written until then was read. */
  readonly end?: Promise<unknown>;
  /** How long after the end the last bytes may take into the log. */
  readonly drainMs: number;
}

/** Reads a circular log, from some of what is there on, without gap or repeat but where the writer has overtaken the reader. */
export async function* readLog(host: Host, log: CircularLog, reading: LogReading, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  // A domain that never started has no logs.
  if (!(await host.files.stat(dirname(log.path)))) return;
  using changes = reading.end ? new Changes(host, log, reading.end, reading.drainMs, signal) : undefined;
  const reader = await LogReader.open(host, log, reading.replayBytes);
  while (!signal.aborted) {
    changes?.clear();
    const isFinal = changes?.isFinal ?? true;
    const bytes = await reader.next();
    if (bytes && bytes.length > 0) yield bytes;
    else if (bytes) continue;
    else if (isFinal || !changes) return;
    else await changes.wait();
  }
}

/** Wakes a reader when the log may have grown, when its writer has ended, and when the reader is not wanted any more. */
class Changes implements Disposable {
  readonly #stop = new AbortController();
  readonly #unwanted: AbortSignal;
  #changed = true;
  #final = false;
  #wake: () => void = () => {};
  #drain: NodeJS.Timeout | undefined;

  constructor(host: Host, { path }: CircularLog, end: Promise<unknown>, drainMs: number, signal: AbortSignal) {
    this.#unwanted = AbortSignal.any([signal, this.#stop.signal]);
    const prefix = basename(path);
    host.files.watch(dirname(path), (name) => name.startsWith(prefix) && this.#change(), this.#unwanted);
    this.#unwanted.addEventListener('abort', () => this.#wake(), { once: true });
    void end.then(() => {
      if (this.#unwanted.aborted) return;
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
    if (this.#changed || this.#unwanted.aborted) return;
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

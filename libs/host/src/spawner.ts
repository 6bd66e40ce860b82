import type { ExitStatus, SpawnOrder } from '@virtmesh/driver-spi';
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type PosixSpawn, posixSpawn } from './posix-spawn.ts';
import type { SystemCalls } from './system-calls.ts';

/** A program that was started. */
export interface Program {
  readonly pid: number;
  /** Our ends, by descriptor number in the program. */
  readonly streams: ReadonlyMap<number, Duplex>;
  readonly exited: Promise<ExitStatus>;
}

/** What a program is started with; its file is a path. */
export type ProgramOrder = Omit<SpawnOrder, 'owner'> & { readonly environment: Readonly<Record<string, string>> };

/** The longest time of a timer. */
const longestMs = 2 ** 31 - 1;

/** Starts programs and hears of their ends. */
export class Spawner {
  readonly #running = new Map<number, (status: ExitStatus) => void>();
  readonly #spawn: PosixSpawn = posixSpawn();
  readonly #calls: SystemCalls;
  #attached = 0;
  #hold: NodeJS.Timeout | undefined;
  readonly #reap = (): void => {
    for (const [pid, ended] of this.#running) {
      const status = this.#spawn.reap(pid);
      if (status) ended(status);
    }
  };

  constructor(calls: SystemCalls) {
    this.#calls = calls;
  }

  /** Throws as Node does where it cannot be started. */
  async start(order: ProgramOrder): Promise<Program> {
    const argv = [order.title ?? order.file, ...order.args];
    if ([order.file, ...argv].some((text) => text.includes('\0')))
      throw Object.assign(new Error('an argument of a program holds a NUL character'), { code: 'EINVAL' });
    const pairs = order.descriptors.map((descriptor) => (descriptor === 'pipe' ? this.#calls.socketPair() : undefined));
    let pid: number;
    try {
      pid = await this.#spawn.start({
        path: order.file,
        argv,
        environment: order.environment,
        descriptors: order.descriptors.map((descriptor, index) => (typeof descriptor === 'number' ? descriptor : pairs[index]?.[1])),
        session: order.detached,
      });
    } catch (thrown) {
      for (const [ours] of definedOf(pairs)) closeSync(ours);
      throw thrown;
    } finally {
      for (const [, theirs] of definedOf(pairs)) closeSync(theirs);
    }
    return { pid, streams: streamsOf(pairs), exited: this.#endOf(pid, !order.detached) };
  }

  /** The kernel tells a parent of the end of a child by a signal, which can stand for several. */
  #endOf(pid: number, attached: boolean): Promise<ExitStatus> {
    // As with Node's own children: one that is not detached keeps this process alive.
    if (attached && this.#attached++ === 0) this.#hold = setInterval(() => {}, longestMs);
    if (this.#running.size === 0) process.on('SIGCHLD', this.#reap);
    return new Promise((resolve) => {
      this.#running.set(pid, (status) => {
        this.#running.delete(pid);
        if (this.#running.size === 0) process.off('SIGCHLD', this.#reap);
        if (attached && --this.#attached === 0) clearInterval(this.#hold);
        resolve(status);
      });
      // One that has ended already was told of before anybody listened. Its caller can look at it before it is forgotten.
      setImmediate(this.#reap);
    });
  }
}

type Pair = readonly [ours: number, theirs: number];
const definedOf = (pairs: readonly (Pair | undefined)[]): readonly Pair[] => pairs.filter((pair) => pair !== undefined);

function streamsOf(pairs: readonly (Pair | undefined)[]): ReadonlyMap<number, Duplex> {
  const streams = new Map<number, Duplex>();
  for (const [descriptor, pair] of pairs.entries()) {
    if (!pair) continue;
    // A standard input is written only: nobody reads it to the end that would close it.
    const stream = new Socket({ fd: pair[0], readable: descriptor > 0, writable: true });
    stream.on('error', () => {});
    streams.set(descriptor, stream);
  }
  return streams;
}

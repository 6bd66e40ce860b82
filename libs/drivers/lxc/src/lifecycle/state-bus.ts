import type { Fifo } from '@virtmesh/driver-spi';

/** The states of a container as LXC numbers them. */
const states = ['STOPPED', 'STARTING', 'RUNNING', 'STOPPING', 'ABORTING', 'FREEZING', 'FROZEN', 'THAWED'] as const;
export type LxcState = (typeof states)[number];

/** What a monitor tells of its container. */
export type BusMessage =
  | { readonly t: 'state'; readonly name: string; readonly state: LxcState }
  | { readonly t: 'exit'; readonly name: string; readonly end: InitEnd };

/** How the init of a container ended: its exit code, or the number of the signal that ended it. */
export interface InitEnd {
  readonly code: number;
  readonly signal: number;
}

/** A message is two numbers with a name of at most 255 bytes between them. */
const nameBytes = 256;
export const messageBytes = 4 + nameBytes + 4;
const types = { state: 0, exit: 2, mark: 1_000_000 } as const;

/** Reads one message; undefined for what is none that is known. */
export function parseMessage(bytes: Buffer): BusMessage | undefined {
  const type = bytes.readInt32LE(0);
  const end = bytes.indexOf(0, 4);
  const name = bytes.toString('utf8', 4, end < 0 || end > 4 + nameBytes ? 4 + nameBytes : end);
  const value = bytes.readInt32LE(4 + nameBytes);
  if (type === types.exit) return { t: 'exit', name, end: initEnd(value) };
  const state = type === types.state ? states[value] : undefined;
  return state && { t: 'state', name, state };
}

/** LXC passes on what the kernel tells a parent. */
const initEnd = (status: number): InitEnd => ({ code: (status >> 8) & 0xff, signal: status & 0x7f });

/**
 * What LXC's monitors write into the FIFO of the driver's directory: each change of state, and how the init ended. They
 * write to nobody while no agent lives.
 */
export class StateBus implements AsyncDisposable {
  readonly #fifo: Fifo;
  readonly #readers = new Map<string, (message: BusMessage) => void>();
  readonly #marks = new Map<number, () => void>();
  #rest: Buffer = Buffer.alloc(0);
  #nextMark = 1;

  constructor(fifo: Fifo) {
    this.#fifo = fifo;
    fifo.incoming.on('data', (bytes: Buffer) => this.#read(bytes));
  }

  /** One reader for a name. */
  subscribe(name: string, reader: (message: BusMessage) => void): void {
    this.#readers.set(name, reader);
  }

  unsubscribe(name: string): void {
    this.#readers.delete(name);
  }

  /** Resolves when all that was written until now has been read. */
  flushed(): Promise<void> {
    const mark = this.#nextMark;
    this.#nextMark = (this.#nextMark + 1) & 0x3fffffff;
    const message = Buffer.alloc(messageBytes);
    message.writeInt32LE(types.mark, 0);
    message.writeInt32LE(mark, 4 + nameBytes);
    return new Promise((resolve) => {
      this.#marks.set(mark, resolve);
      try {
        this.#fifo.write(message);
      } catch {
        // It is full: what is in it is read before more comes, and nobody waits for that.
        this.#pass(mark);
      }
    });
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    for (const mark of this.#marks.keys()) this.#pass(mark);
    return this.#fifo[Symbol.asyncDispose]();
  }

  #read(bytes: Buffer): void {
    const all = this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes;
    let at = 0;
    for (; at + messageBytes <= all.length; at += messageBytes) this.#deliver(all.subarray(at, at + messageBytes));
    this.#rest = Buffer.from(all.subarray(at));
  }

  #deliver(bytes: Buffer): void {
    if (bytes.readInt32LE(0) === types.mark) return this.#pass(bytes.readInt32LE(4 + nameBytes));
    const message = parseMessage(bytes);
    if (message) this.#readers.get(message.name)?.(message);
  }

  #pass(mark: number): void {
    this.#marks.get(mark)?.();
    this.#marks.delete(mark);
  }
}

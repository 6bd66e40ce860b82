import { on } from 'node:events';
import { setTimeout as after } from 'node:timers/promises';
import type { TerminalInput } from '../terminal.ts';

/** The most that a command can be given with its call. */
const mostBytes = 1024 * 1024;

/** So long whoever writes to a pipe has to write all of it. */
const patienceMs = 100;

/** What a command is to read. */
export interface Input {
  /** What was there at once. Commands that a guest's agent runs can be given this alone. */
  readonly first: Buffer;
  /** What comes after it, to the end. */
  readonly rest: AsyncIterable<Buffer>;
}

type Chunks = AsyncIterator<[Uint8Array]>;

const nothing = Buffer.alloc(0);
export const noInput: Input = {
  first: nothing,
  rest: { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }) },
};

/** Begins to read stdin: what a file or a short text has is there at once, and whole. Keys wait for the command. */
export async function openInput(stdin: TerminalInput, signal: AbortSignal): Promise<Input> {
  if (stdin.isTTY === true) return { first: nothing, rest: typed(stdin, signal) };
  const chunks = chunksOf(stdin, signal);
  const over = new AbortController();
  const waited = after(patienceMs, undefined, { signal: over.signal }).catch(() => undefined);
  const first: Uint8Array[] = [];
  let next = nextOf(chunks);
  for (let size = 0; ; next = nextOf(chunks)) {
    const chunk = await Promise.race([next, waited]);
    if (chunk === undefined || chunk.done === true) break;
    size += chunk.value[0].length;
    if (size > mostBytes) break;
    first.push(chunk.value[0]);
  }
  over.abort();
  return { first: Buffer.concat(first), rest: restOf(chunks, next) };
}

const chunksOf = (stdin: TerminalInput, signal: AbortSignal): Chunks =>
  on(stdin, 'data', { signal, close: ['end', 'close'], highWaterMark: 16, lowWaterMark: 4 }) as Chunks;

/** The next piece; nobody may be waiting for it any more when it fails. */
function nextOf(chunks: Chunks): Promise<IteratorResult<[Uint8Array]>> {
  const next = chunks.next();
  next.catch(() => {});
  return next;
}

async function* typed(stdin: TerminalInput, signal: AbortSignal): AsyncGenerator<Buffer> {
  const chunks = chunksOf(stdin, signal);
  yield* restOf(chunks, chunks.next());
}

async function* restOf(chunks: Chunks, next: Promise<IteratorResult<[Uint8Array]>>): AsyncGenerator<Buffer> {
  for (let chunk = await next; chunk.done !== true; chunk = await chunks.next()) yield Buffer.from(chunk.value[0]);
}

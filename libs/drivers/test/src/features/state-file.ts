import { Fault } from '@virtmesh/base';
import type { HostFiles, Sink } from '@virtmesh/driver-spi';

/** What a saved state begins and ends with; between stand its text and what stands for the guest's memory. */
const beginning = Buffer.from('virtmesh-test-state-1\n');
const ending = Buffer.from('virtmesh-test-state-end\n');
const headBytes = beginning.length + 8;
const maxTextBytes = 1024 * 1024;
/** A guest's memory is written down much smaller than it is: one byte for so many. */
const shrink = 4096;
const chunkBytes = 64 * 1024;

/** Writes a guest's state, told as it goes on as if it were the whole memory. */
export async function writeSavedState(
  text: string,
  memoryBytes: number,
  sink: Sink,
  progress: (done: bigint, total: bigint) => void,
  signal: AbortSignal,
): Promise<void> {
  const state = Buffer.from(text);
  const memory = Math.ceil(memoryBytes / shrink);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(state.length, 0);
  head.writeUInt32BE(memory, 4);
  await sink(Buffer.concat([beginning, head, state]));
  for (let done = 0; done < memory; done += chunkBytes) {
    signal.throwIfAborted();
    progress(BigInt(done) * BigInt(shrink), BigInt(memoryBytes));
    await sink(Buffer.alloc(Math.min(chunkBytes, memory - done), 0x56));
  }
  await sink(ending);
  progress(BigInt(memoryBytes), BigInt(memoryBytes));
}

/** The text of a state that was written whole. SAVED_STATE_INVALID for anything else. */
export async function readSavedState(files: HostFiles, at: { readonly path: string; readonly offset: number }): Promise<string> {
  await using file = await files.open(at.path);
  const head = await file.read(at.offset, headBytes);
  if (head.length < headBytes || !head.subarray(0, beginning.length).equals(beginning)) throw damaged(at.path, 'it does not begin as one');
  const length = head.readUInt32BE(beginning.length);
  const memory = head.readUInt32BE(beginning.length + 4);
  if (length > maxTextBytes) throw damaged(at.path, 'its text is too long');
  const text = await file.read(at.offset + headBytes, length);
  const end = await file.read(at.offset + headBytes + length + memory, ending.length);
  if (!end.equals(ending)) throw damaged(at.path, 'it is cut off');
  return text.toString('utf8');
}

const damaged = (path: string, why: string): Fault =>
  new Fault(
    'SAVED_STATE_INVALID',
    `${path} is no saved state of the test driver: ${why}; use another file, or start the guest without it`,
    {
      path,
      why,
    },
  );

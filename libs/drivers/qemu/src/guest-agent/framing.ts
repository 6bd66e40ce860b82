import { LineSplitter } from '@virtmesh/base';

/** What an agent says before the answer to a sync is of an earlier talk: it is thrown away up to this byte. */
const sentinel = 0xff;

/**
 * Cuts what the agent in a guest sends into answers. The guest is not trusted: an answer has at most `maxBytes`, and what
 * comes before the first sentinel is not kept at all.
 */
export class GuestAgentFraming {
  readonly #maxBytes: number;
  /** Undefined before the first sentinel. */
  #answers: LineSplitter | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that a chunk completes. Throws RangeError at one that is too long. */
  push(chunk: Buffer): string[] {
    // The last one can only be a sync's: 0xff is in no UTF-8 text.
    const at = chunk.lastIndexOf(sentinel);
    if (at >= 0) this.#answers = new LineSplitter(this.#maxBytes);
    return this.#answers?.push(chunk.subarray(at + 1)) ?? [];
  }
}

/** What an agent says before the answer to a sync is of an earlier talk: it is thrown away up to this byte. */
const sentinel = 0xff;

/**
 * Cuts what the agent in a guest sends into answers. The guest is not trusted: an answer has at most `maxBytes`, and what
 * comes before the first sentinel is not kept at all.
 */
export class GuestAgentFraming {
  readonly #maxBytes: number;
  #synced = false;
  #rest: Buffer = Buffer.alloc(0);

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that a chunk completes. Throws RangeError at one that is too long. */
  push(chunk: Buffer): string[] {
    const fresh = this.#afterSentinel(chunk);
    if (!fresh) return [];
    this.#rest = this.#rest.length === 0 ? fresh : Buffer.concat([this.#rest, fresh]);
    const lines: string[] = [];
    for (let end = this.#rest.indexOf(10); end >= 0; end = this.#rest.indexOf(10)) {
      if (end > this.#maxBytes) throw this.#tooLong();
      const line = this.#rest.toString('utf8', 0, end).trim();
      if (line !== '') lines.push(line);
      this.#rest = this.#rest.subarray(end + 1);
    }
    if (this.#rest.length > this.#maxBytes) throw this.#tooLong();
    return lines;
  }

  /** From the last sentinel on, which can only be a sync's: 0xff is in no UTF-8 text. */
  #afterSentinel(chunk: Buffer): Buffer | undefined {
    const at = chunk.lastIndexOf(sentinel);
    if (at >= 0) {
      this.#synced = true;
      this.#rest = Buffer.alloc(0);
      return chunk.subarray(at + 1);
    }
    return this.#synced ? chunk : undefined;
  }

  #tooLong(): RangeError {
    return new RangeError(`an answer of more than ${this.#maxBytes} bytes`);
  }
}

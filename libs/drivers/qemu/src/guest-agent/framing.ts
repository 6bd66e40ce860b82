/** What an agent says before the answer to a sync is of an earlier talk: it is thrown away up to this byte. */
const sentinel = 0xff;

/**
 * Cuts what the agent in a guest sends into answers. The guest is not trusted: an answer has at most `maxBytes`, and what
 * comes before the first sentinel is not kept at all.
 */
export class GuestAgentFraming {
  readonly #maxBytes: number;
  #synced = false;
  #rest: Buffer[] = [];
  #restBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that a chunk completes. Throws RangeError at one that is too long. */
  push(chunk: Buffer): string[] {
    const fresh = this.#afterSentinel(chunk);
    if (!fresh) return [];
    const lines: string[] = [];
    let from = 0;
    // What came before holds no line end: a long answer is looked through once.
    for (let end = fresh.indexOf(10); end >= 0; end = fresh.indexOf(10, from)) {
      this.#keep(fresh.subarray(from, end));
      const line = Buffer.concat(this.#rest).toString('utf8').trim();
      if (line !== '') lines.push(line);
      this.#forget();
      from = end + 1;
    }
    this.#keep(fresh.subarray(from));
    return lines;
  }

  #keep(part: Buffer): void {
    this.#restBytes += part.length;
    if (this.#restBytes > this.#maxBytes) throw new RangeError(`an answer of more than ${this.#maxBytes} bytes`);
    if (part.length > 0) this.#rest.push(part);
  }

  #forget(): void {
    this.#rest = [];
    this.#restBytes = 0;
  }

  /** From the last sentinel on, which can only be a sync's: 0xff is in no UTF-8 text. */
  #afterSentinel(chunk: Buffer): Buffer | undefined {
    const at = chunk.lastIndexOf(sentinel);
    if (at >= 0) {
      this.#synced = true;
      this.#forget();
      return chunk.subarray(at + 1);
    }
    return this.#synced ? chunk : undefined;
  }
}

/** Cuts a byte stream into lines. An unfinished line is kept to `maxBytes`. */
export class Lines {
  readonly #maxBytes: number;
  #rest: Buffer[] = [];
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that a chunk completes. Throws RangeError at one that is too long. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      this.#keep(chunk.subarray(start, end));
      lines.push(Buffer.concat(this.#rest, this.#length).toString('utf8'));
      this.#rest = [];
      this.#length = 0;
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
    return lines.filter((line) => line !== '');
  }

  #keep(part: Buffer): void {
    this.#length += part.length;
    if (this.#length > this.#maxBytes) throw new RangeError(`a line of more than ${this.#maxBytes} bytes`);
    if (part.length > 0) this.#rest.push(part);
  }
}

/** What one message takes at most: a console's log or a chunk of a dump fits. */
export const maxLineBytes = 1024 * 1024;
export const encodeLine = (message: object): string => `${JSON.stringify(message)}\n`;

const maxBytes = 16_384;

/** What was written to one console: the last of it, with the places in the whole. */
export class ConsoleLog {
  #bytes: Buffer = Buffer.alloc(0);
  #end = 0;

  write(bytes: Uint8Array): void {
    this.#end += bytes.length;
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    if (this.#bytes.length > maxBytes) this.#bytes = Buffer.from(this.#bytes.subarray(this.#bytes.length - maxBytes));
  }

  get end(): number {
    return this.#end;
  }

  /** What is there from a place on, as far as it is kept. */
  from(place: number): Buffer {
    const begin = this.#end - this.#bytes.length;
    return this.#bytes.subarray(Math.max(0, place - begin));
  }
}

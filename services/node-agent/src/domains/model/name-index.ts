/** Values by unique name, always in the names' order (by code units). */
export class NameIndex<T> {
  readonly #names: string[] = [];
  readonly #values: T[] = [];

  /** In order; the same array for ever, so it must be read before the next change. */
  get sorted(): readonly T[] {
    return this.#values;
  }

  get(name: string): T | undefined {
    const at = this.#firstFrom(name);
    return this.#names[at] === name ? this.#values[at] : undefined;
  }

  set(name: string, value: T): void {
    const at = this.#firstFrom(name);
    const replaced = this.#names[at] === name ? 1 : 0;
    this.#names.splice(at, replaced, name);
    this.#values.splice(at, replaced, value);
  }

  delete(name: string): void {
    const at = this.#firstFrom(name);
    if (this.#names[at] !== name) return;
    this.#names.splice(at, 1);
    this.#values.splice(at, 1);
  }

  #firstFrom(name: string): number {
    let low = 0;
    let high = this.#names.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#names[middle] ?? '') < name) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

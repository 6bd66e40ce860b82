import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Reads the small files in which the kernel tells about the host. What is missing reads as empty: hosts and containers differ in what they show. */
export class SystemFiles {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async text(path: string): Promise<string> {
    return readFile(join(this.#root, path), 'utf8').catch(() => '');
  }

  textNow(path: string): string {
    try {
      return readFileSync(join(this.#root, path), 'utf8');
    } catch {
      return '';
    }
  }

  /** A number alone in a file; `absent` where there is none. */
  async number(path: string, absent: number): Promise<number> {
    const text = (await this.text(path)).trim();
    const value = Number(text);
    return text === '' || !Number.isFinite(value) ? absent : value;
  }

  async names(path: string): Promise<string[]> {
    return readdir(join(this.#root, path)).catch(() => []);
  }

  /** The numbers at the end of the entries `{prefix}{number}` of a directory, in order. */
  async numbered(path: string, prefix: string): Promise<number[]> {
    const pattern = new RegExp(`^${prefix}(\\d+)$`);
    const numbers = (await this.names(path)).flatMap((name) => pattern.exec(name)?.[1] ?? []).map(Number);
    return numbers.toSorted((a, b) => a - b);
  }
}

/** The kernel's lists of numbers, such as `0-3,8`. */
export function parseNumberList(text: string): number[] {
  return text
    .trim()
    .split(',')
    .flatMap((part) => {
      const [first, last = first] = part.split('-').map((end) => (end === '' ? Number.NaN : Number(end)));
      if (first === undefined || last === undefined || !Number.isInteger(first) || !Number.isInteger(last) || last < first) return [];
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}

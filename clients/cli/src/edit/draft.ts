import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { oneLine } from '../output/sanitise.ts';

/** How a line of ours in a draft begins; it is left out when the draft is read. */
const mark = '#! ';

/** A text that somebody edits in a file of its own, with what is wrong with it written above. */
export class Draft {
  readonly file: string;
  readonly #directory: string;
  #body: string;

  private constructor(directory: string, name: string, body: string) {
    this.#directory = directory;
    this.file = join(directory, `${name}.yaml`);
    this.#body = body;
  }

  /** In a directory that only the caller can read, below `parent`. */
  static async create(parent: string, name: string, body: string): Promise<Draft> {
    return new Draft(await mkdtemp(join(parent, 'vmesh-edit-')), name, body);
  }

  /** Without our own lines. */
  get body(): string {
    return this.#body;
  }

  /** Has the text edited, below some lines of ours, and answers whether it is another one then. */
  async edit(lines: readonly string[], edit: (file: string) => Promise<void>): Promise<boolean> {
    await writeFile(this.file, [...lines.map((line) => `${mark}${oneLine(line)}\n`), this.#body].join(''), { mode: 0o600 });
    await edit(this.file);
    const before = this.#body;
    this.#body = (await readFile(this.file, 'utf8')).replaceAll(/^#!.*(?:\n|$)/gm, '');
    return this.#body !== before;
  }

  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }
}

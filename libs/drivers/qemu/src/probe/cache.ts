import { createHash } from 'node:crypto';
import type { Host, Json } from '@virtmesh/driver-spi';

/** Bumped when what is asked, or how it is kept, changes. */
const format = 1;
const maxBytes = 4 * 1024 * 1024;

/** What was found out, kept on disk under what it depends on. Anything else that is found there counts as nothing. */
export class ProbeCache {
  readonly #host: Host;
  readonly #directory: string;

  constructor(host: Host, directory: string) {
    this.#host = host;
    this.#directory = directory;
  }

  /** What was kept under the same key; undefined if there is nothing, or it is damaged. */
  async get(name: string, key: string): Promise<Json | undefined> {
    try {
      const kept = JSON.parse(await this.#host.files.readText(this.#path(name), maxBytes)) as Partial<
        Record<'format' | 'key' | 'sum' | 'value', Json>
      > | null;
      if (kept?.format !== format || kept.key !== key || kept.value === undefined || kept.sum !== sum(kept.value)) return undefined;
      return kept.value;
    } catch {
      return undefined;
    }
  }

  /** Where nothing can be kept, it is found out again at the next start. */
  async put(name: string, key: string, value: Json): Promise<void> {
    try {
      await this.#host.files.makeDirectory(this.#directory, { mode: 0o755 });
      await this.#host.files.writeText(this.#path(name), JSON.stringify({ format, key, sum: sum(value), value }), 0o644);
    } catch {
      // A full or read-only disk makes the next start slower and nothing worse.
    }
  }

  #path(name: string): string {
    return `${this.#directory}/${name}.json`;
  }
}

function sum(value: Json): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

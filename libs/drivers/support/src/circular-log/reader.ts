import type { Host } from '@virtmesh/driver-spi';
import { type CircularLog, type LogFile, logFiles } from './files.ts';

const chunkBytes = 64 * 1024;
/** How much of what was read last is looked at again, to see that its file was not written anew since. */
const markBytes = 64;
const lookAgain = Buffer.alloc(0);

interface Place {
  readonly identity: string;
  readonly position: number;
  /** What stands before the position. */
  readonly mark: Buffer;
  /** When the file was written last, as of the last look. */
  readonly mtimeMs: number;
}

/** A place in a circular log, kept while its files are written anew or renamed. */
export class LogReader {
  readonly #host: Host;
  readonly #log: CircularLog;
  /** Undefined at the beginning of the oldest file. */
  #place: Place | undefined;

  private constructor(host: Host, log: CircularLog) {
    this.#host = host;
    this.#log = log;
  }

  /** At the last `replayBytes` of what is there; -1 for all. */
  static async open(host: Host, log: CircularLog, replayBytes: number): Promise<LogReader> {
    const reader = new LogReader(host, log);
    const files = await logFiles(host, log);
    let toSkip = replayBytes < 0 ? 0 : Math.max(0, files.reduce((sum, { stat }) => sum + stat.sizeBytes, 0) - replayBytes);
    for (const file of files) {
      await reader.#goTo(file, Math.min(toSkip, file.stat.sizeBytes));
      if (toSkip < file.stat.sizeBytes) break;
      toSkip -= file.stat.sizeBytes;
    }
    return reader;
  }

  /** The next bytes, or none where it must be looked again; undefined where all that was written has been read. */
  async next(): Promise<Buffer | undefined> {
    const files = await logFiles(this.#host, this.#log);
    const at = files.findIndex(({ stat }) => stat.identity === this.#place?.identity);
    for (const [index, file] of files.entries()) {
      if (index < at) continue;
      if (index > at) await this.#goTo(file, 0);
      // What a file has got since it was looked at comes before what is in the next one.
      const bytes = await this.#readOn(file, index === files.length - 1);
      if (bytes) return bytes;
    }
    return undefined;
  }

  async #goTo(file: LogFile, position: number): Promise<void> {
    const from = Math.max(0, position - markBytes);
    const mark = position === 0 ? undefined : await readPart(this.#host, file, from, position - from);
    this.#place = { identity: file.stat.identity, position, mark: mark ?? Buffer.alloc(0), mtimeMs: file.stat.mtimeMs };
  }

  /** Undefined where all of the file has been read. */
  async #readOn(file: LogFile, isNewest: boolean): Promise<Buffer | undefined> {
    const { identity, mtimeMs, sizeBytes } = file.stat;
    const place = this.#place;
    if (place?.identity !== identity) return lookAgain;
    if (isNewest && sizeBytes === place.position && mtimeMs === place.mtimeMs) return undefined;
    const from = place.position - place.mark.length;
    const part = await readPart(this.#host, file, from, place.mark.length + chunkBytes);
    if (!part) return lookAgain;
    if (!part.subarray(0, place.mark.length).equals(place.mark)) {
      // The writer has gone round: what is lost is lost, and the oldest that is left comes next.
      this.#place = undefined;
      return lookAgain;
    }
    const bytes = part.subarray(place.mark.length);
    this.#place = { identity, position: place.position + bytes.length, mark: Buffer.from(part.subarray(-markBytes)), mtimeMs };
    return bytes.length > 0 ? bytes : undefined;
  }
}

/** Undefined where the file has another name by now. */
async function readPart({ files }: Host, { path, stat }: LogFile, position: number, length: number): Promise<Buffer | undefined> {
  try {
    await using file = await files.open(path);
    return (await file.stat()).identity === stat.identity ? await file.read(position, length) : undefined;
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
    throw thrown;
  }
}

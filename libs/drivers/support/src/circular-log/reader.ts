import type { FileStat, Host } from '@virtmesh/driver-spi';
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
  /** The files that are behind the place, as they were left: what the circle leads to next is one of them, or was written anew. */
  readonly #behind = new Map<string, Pick<FileStat, 'sizeBytes' | 'mtimeMs'>>();

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
      if (toSkip < file.stat.sizeBytes || file === files.at(-1)) break;
      toSkip -= file.stat.sizeBytes;
      reader.#behind.set(file.stat.identity, file.stat);
    }
    return reader;
  }

  /** The next bytes, or none where it must be looked again; undefined where all that was written has been read. */
  async next(): Promise<Buffer | undefined> {
    const files = await logFiles(this.#host, this.#log);
    let file = files.find(({ stat }) => stat.identity === this.#place?.identity);
    if (!file) {
      [file] = files;
      this.#behind.clear();
      if (file) await this.#goTo(file, 0);
    }
    while (file) {
      const after = this.#after(file, files);
      // What a file has got since it was looked at comes before what is in the next one.
      const bytes = await this.#readOn(file, after === undefined);
      if (bytes) return bytes;
      if (after) await this.#goTo(after, 0);
      file = after;
    }
    return undefined;
  }

  /** The file that was begun after another one, by the circle: the times of files can be the same. */
  #after({ index }: LogFile, files: readonly LogFile[]): LogFile | undefined {
    const next = files.find((each) => each.index === (index + 1) % this.#log.files);
    const left = next && this.#behind.get(next.stat.identity);
    const isOld = left?.sizeBytes === next?.stat.sizeBytes && left?.mtimeMs === next?.stat.mtimeMs;
    return isOld ? undefined : next;
  }

  async #goTo(file: LogFile, position: number): Promise<void> {
    if (this.#place) this.#behind.set(this.#place.identity, { sizeBytes: this.#place.position, mtimeMs: this.#place.mtimeMs });
    this.#behind.delete(file.stat.identity);
    const from = Math.max(0, position - markBytes);
    const mark = position === 0 ? undefined : await readPart(this.#host, file, from, position - from);
    this.#place = { identity: file.stat.identity, position, mark: mark?.bytes ?? Buffer.alloc(0), mtimeMs: file.stat.mtimeMs };
  }

  /** Undefined where all of the file has been read. */
  async #readOn(file: LogFile, isNewest: boolean): Promise<Buffer | undefined> {
    const { identity, mtimeMs, sizeBytes } = file.stat;
    const place = this.#place;
    if (place?.identity !== identity) return lookAgain;
    if (isNewest && sizeBytes === place.position && mtimeMs === place.mtimeMs) return undefined;
    const part = await readPart(this.#host, file, place.position - place.mark.length, place.mark.length + chunkBytes);
    if (!part) return lookAgain;
    if (!part.bytes.subarray(0, place.mark.length).equals(place.mark)) {
      // The writer has gone round: what is lost is lost, and the oldest that is left comes next.
      this.#place = undefined;
      return lookAgain;
    }
    const bytes = part.bytes.subarray(place.mark.length);
    const mark = Buffer.from(part.bytes.subarray(-markBytes));
    this.#place = { identity, position: place.position + bytes.length, mark, mtimeMs: part.mtimeMs };
    return bytes.length > 0 ? bytes : undefined;
  }
}

/** A part of a file, and when the file had been written last; undefined where the file has another name by now. */
async function readPart(
  { files }: Host,
  { path, stat }: LogFile,
  position: number,
  length: number,
): Promise<{ readonly bytes: Buffer; readonly mtimeMs: number } | undefined> {
  try {
    await using file = await files.open(path);
    const { identity, mtimeMs } = await file.stat();
    return identity === stat.identity ? { bytes: await file.read(position, length), mtimeMs } : undefined;
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
    throw thrown;
  }
}

import type { LogFile } from '../process/log-files.ts';

/** A part of one file of a log. */
export interface LogPart {
  readonly path: string;
  readonly position: number;
  readonly length: number;
}

/** A place in a circular log, kept over the writer's going round. Pure: it is shown what the files are now. */
export class LogCursor {
  readonly #files: number;
  /** The file that is read, and how far; undefined before there is any. */
  #place: { readonly index: number; readonly position: number } | undefined;
  /** When the files were written last, as of the last look. */
  #times: ReadonlyMap<number, number>;

  constructor(ordered: readonly LogFile[], files: number, replayBytes: number) {
    this.#files = files;
    this.#times = timesOf(ordered);
    let toSkip = replayBytes < 0 ? 0 : Math.max(0, ordered.reduce((sum, file) => sum + file.stat.sizeBytes, 0) - replayBytes);
    for (const file of ordered) {
      this.#place = { index: file.index, position: Math.min(toSkip, file.stat.sizeBytes) };
      if (toSkip < file.stat.sizeBytes) break;
      toSkip -= file.stat.sizeBytes;
    }
  }

  /** What to read next; undefined where all that was written has been read. `ordered` is the files now, oldest first. */
  next(ordered: readonly LogFile[], maxBytes: number): LogPart | undefined {
    this.#lookForOvertaking(ordered);
    const [oldest] = ordered;
    if (!oldest) return undefined;
    this.#place ??= { index: oldest.index, position: 0 };
    for (let at = ordered.findIndex((file) => file.index === this.#place?.index); at >= 0 && at < ordered.length; at += 1) {
      const file = ordered[at];
      if (!file) return undefined;
      if (file.index !== this.#place.index) this.#place = { index: file.index, position: 0 };
      const length = Math.min(maxBytes, file.stat.sizeBytes - this.#place.position);
      if (length > 0) return { path: file.path, position: this.#place.position, length };
    }
    return undefined;
  }

  advance(bytes: number): void {
    if (this.#place) this.#place = { ...this.#place, position: this.#place.position + bytes };
  }

  /** If all files were written to since the last look, the writer has come round to the place of the reader, or past it. */
  #lookForOvertaking(ordered: readonly LogFile[]): void {
    const before = this.#times;
    this.#times = timesOf(ordered);
    const place = this.#place;
    if (!place) return;
    const own = ordered.find((file) => file.index === place.index);
    const roundAgain = ordered.length === this.#files && ordered.every((file) => before.get(file.index) !== file.stat.mtimeMs);
    if (own && own.stat.sizeBytes >= place.position && !roundAgain) return;
    // Not the file of the place itself: how much of it is new cannot be told.
    const oldest = ordered.find((file) => file.index !== place.index) ?? ordered[0];
    this.#place = oldest && { index: oldest.index, position: 0 };
  }
}

const timesOf = (ordered: readonly LogFile[]): ReadonlyMap<number, number> =>
  new Map(ordered.map((file) => [file.index, file.stat.mtimeMs]));

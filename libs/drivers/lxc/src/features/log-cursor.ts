import type { LogFile } from '../process/log-files.ts';

/** A part of one file of a log. */
export interface LogPart {
  readonly path: string;
  readonly identity: string;
  readonly position: number;
  readonly length: number;
}

/** A place in a log of two files, kept while those are renamed or written anew. Pure: it is shown what the files are now. */
export class LogCursor {
  /** The file that is read, and how far; undefined before there is any. */
  #place: { readonly identity: string; readonly position: number } | undefined;

  constructor(files: readonly LogFile[], replayBytes: number) {
    let toSkip = replayBytes < 0 ? 0 : Math.max(0, files.reduce((sum, { stat }) => sum + stat.sizeBytes, 0) - replayBytes);
    for (const { stat } of files) {
      this.#place = { identity: stat.identity, position: Math.min(toSkip, stat.sizeBytes) };
      if (toSkip < stat.sizeBytes) break;
      toSkip -= stat.sizeBytes;
    }
  }

  /** What to read next; undefined where all that was written has been read. `files` are those there now, older one first. */
  next(files: readonly LogFile[], maxBytes: number): LogPart | undefined {
    const place = this.#place;
    const at = files.findIndex(({ stat }) => stat.identity === place?.identity);
    const own = files[at];
    // The writer has gone round: what is lost is lost, and the oldest that is left comes next.
    if (!place || !own || own.stat.sizeBytes < place.position) return this.#begin(files, 0, maxBytes);
    if (own.stat.sizeBytes > place.position) return part(own, place.position, maxBytes);
    return at + 1 < files.length ? this.#begin(files, at + 1, maxBytes) : undefined;
  }

  advance(bytes: number): void {
    if (this.#place) this.#place = { ...this.#place, position: this.#place.position + bytes };
  }

  #begin(files: readonly LogFile[], first: number, maxBytes: number): LogPart | undefined {
    for (const file of files.slice(first)) {
      this.#place = { identity: file.stat.identity, position: 0 };
      if (file.stat.sizeBytes > 0) return part(file, 0, maxBytes);
    }
    return undefined;
  }
}

const part = ({ path, stat }: LogFile, position: number, maxBytes: number): LogPart => ({
  path,
  identity: stat.identity,
  position,
  length: Math.min(maxBytes, stat.sizeBytes - position),
});

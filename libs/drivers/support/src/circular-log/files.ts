import type { FileStat, Host } from '@virtmesh/driver-spi';
import { basename, dirname, join } from 'node:path';

/** A log that goes round in files of bounded size. */
export interface CircularLog {
  /** Its first file; `.1`, `.2`, ... follow, in the order in which they are written. */
  readonly path: string;
  /** How many files the circle has, at least 2. */
  readonly files: number;
}

/** One file of a circular log. */
export interface LogFile {
  /** Its place in the circle, from 0. */
  readonly index: number;
  readonly path: string;
  readonly stat: FileStat;
}

const filePath = ({ path }: CircularLog, index: number): string => (index === 0 ? path : `${path}.${index}`);

/** The files of a circular log that are there, oldest first. */
export async function logFiles(host: Host, log: CircularLog): Promise<readonly LogFile[]> {
  const found = await Promise.all(
    Array.from({ length: log.files }, async (_, index): Promise<LogFile[]> => {
      const path = filePath(log, index);
      const stat = await host.files.stat(path);
      return stat ? [{ index, path, stat }] : [];
    }),
  );
  return inOrder(found.flat());
}

/**
 * The files of a circle from the one that will be overwritten next to the one that is being written. Several can have the
 * same time: then the last of their run in the circle is the newest, and of a whole circle the one that is not yet full.
 */
export function inOrder(files: readonly LogFile[]): readonly LogFile[] {
  const newestTime = Math.max(...files.map((file) => file.stat.mtimeMs));
  const isNewest = (at: number): boolean => files.at(at % files.length)?.stat.mtimeMs === newestTime;
  const endOfRun = files.findIndex((_, at) => isNewest(at) && !isNewest(at + 1));
  const sizes = files.map((file) => file.stat.sizeBytes);
  const start = (endOfRun < 0 ? sizes.indexOf(Math.min(...sizes)) : endOfRun) + 1;
  return [...files.slice(start), ...files.slice(0, start)];
}

/** Renames the files so that the newest is the first of the circle, with which a new log keeper begins. */
export async function rewind(host: Host, log: CircularLog): Promise<void> {
  const { path } = log;
  const names = new Set(await host.files.list(dirname(path)));
  if (!names.has(`${basename(path)}.1`)) return;
  const ordered = await logFiles(host, log);
  if (ordered.at(-1)?.index === 0) return;
  const aside = (index: number): string => join(dirname(path), `_turning-${index}-${basename(path)}`);
  for (const { index, path: from } of ordered) await host.files.rename(from, aside(index));
  // The keeper goes from the first to the second: files that are not there yet come before the oldest, which is overwritten.
  const missing = log.files - ordered.length;
  for (const [at, { index }] of ordered.entries()) await host.files.rename(aside(index), filePath(log, (at + 1 + missing) % log.files));
}

/** The last bytes of a log, as text. */
export async function logTail(host: Host, log: CircularLog, maxBytes: number): Promise<string> {
  let text = '';
  for (const file of (await logFiles(host, log)).toReversed()) {
    const wanted = maxBytes - Buffer.byteLength(text);
    if (wanted <= 0) break;
    await using open = await host.files.open(file.path);
    const size = (await open.stat()).sizeBytes;
    text = (await open.read(Math.max(0, size - wanted), wanted)).toString('utf8') + text;
  }
  return text;
}

import type { FileStat, Host } from '@virtmesh/driver-spi';
import { basename, dirname, join } from 'node:path';

/** One file of a circular log: `log`, `log.1`, ... in the order in which they are written. */
export interface LogFile {
  readonly index: number;
  readonly path: string;
  readonly stat: FileStat;
}

export const logFilePath = (log: string, index: number): string => (index === 0 ? log : `${log}.${index}`);

/** The files of a circular log that are there, oldest first. */
export async function logFiles(host: Host, log: string, count: number): Promise<readonly LogFile[]> {
  const found = await Promise.all(
    Array.from({ length: count }, async (_, index): Promise<LogFile[]> => {
      const path = logFilePath(log, index);
      const stat = await host.files.stat(path);
      return stat ? [{ index, path, stat }] : [];
    }),
  );
  return inOrder(found.flat());
}

/**
 * The files of a circle from the one that will be overwritten next to the one that is being written. Several can have
 * the same time: then the last of their run in the circle is the newest.
 */
export function inOrder(files: readonly LogFile[]): readonly LogFile[] {
  const newestTime = Math.max(...files.map((file) => file.stat.mtimeMs));
  const isNewest = (at: number): boolean => files.at(at % files.length)?.stat.mtimeMs === newestTime;
  const current = files.findIndex((_, at) => isNewest(at) && !isNewest(at + 1));
  const start = current < 0 ? 0 : current + 1;
  return [...files.slice(start), ...files.slice(0, start)];
}

/** Renames the files so that the newest is the first of the circle, with which a new log keeper begins. */
export async function rewind(host: Host, log: string, count: number): Promise<void> {
  const names = new Set(await host.files.list(dirname(log)));
  if (!names.has(`${basename(log)}.1`)) return;
  const ordered = await logFiles(host, log, count);
  if (ordered.at(-1)?.index === 0) return;
  const aside = (index: number): string => join(dirname(log), `_turning-${index}-${basename(log)}`);
  for (const [at, file] of ordered.entries()) await host.files.rename(file.path, aside(at));
  // Oldest first after the newest: the keeper goes from the first to the second, which is the next to be overwritten.
  for (const at of ordered.keys()) await host.files.rename(aside(at), logFilePath(log, (at + 1) % ordered.length));
}

/** The last bytes of a log, as text. */
export async function logTail(host: Host, log: string, count: number, maxBytes: number): Promise<string> {
  let text = '';
  for (const file of (await logFiles(host, log, count)).toReversed()) {
    const wanted = maxBytes - Buffer.byteLength(text);
    if (wanted <= 0) break;
    await using open = await host.files.open(file.path);
    const size = (await open.stat()).sizeBytes;
    text = (await open.read(Math.max(0, size - wanted), wanted)).toString('utf8') + text;
  }
  return text;
}

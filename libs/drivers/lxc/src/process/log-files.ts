import type { FileStat, Host } from '@virtmesh/driver-spi';

/** One file of a console's log. */
export interface LogFile {
  readonly path: string;
  readonly stat: FileStat;
}

/**
 * The two files of a log that are there, older one first: their keeper goes from one to the other and back.
 */
export async function logFiles(host: Host, log: string): Promise<readonly LogFile[]> {
  const found = await Promise.all(
    [`${log}.1`, log].map(async (path): Promise<LogFile[]> => {
      const stat = await host.files.stat(path);
      return stat ? [{ path, stat }] : [];
    }),
  );
  return found.flat().toSorted((a, b) => a.stat.mtimeMs - b.stat.mtimeMs);
}

/** Names the newer file so that a new keeper goes on with it. */
export async function rewind(host: Host, log: string): Promise<void> {
  const [older, newer] = await logFiles(host, log);
  if (!older || newer?.path !== `${log}.1`) return;
  const aside = `${log}.turning`;
  await host.files.rename(older.path, aside);
  await host.files.rename(newer.path, log);
  await host.files.rename(aside, `${log}.1`);
}

import type { Sink } from '@virtmesh/driver-spi';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { SubjectHost } from './subject.ts';

/** A file that a driver can read, until it is disposed of. */
export interface WrittenFile extends AsyncDisposable {
  readonly path: string;
}

/** Writes a file as the agent does for a save. */
export async function writtenFile({ directory, os }: SubjectHost, fill: (sink: Sink) => Promise<void>): Promise<WrittenFile> {
  const path = join(directory, `${randomUUID()}.state`);
  const chunks: Uint8Array[] = [];
  await fill(async (bytes) => void chunks.push(Buffer.from(bytes)));
  await os.files.writeText(path, Buffer.concat(chunks), 0o600);
  return { path, [Symbol.asyncDispose]: () => os.files.remove(path) };
}

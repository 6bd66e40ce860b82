import { open, rename, rm } from 'node:fs/promises';
import { Fault } from '@virtmesh/base';
import type { TakeDomainScreenshotResponse } from '@virtmesh/contracts/domain/v1/guest';

export interface Picture {
  readonly mimeType: string;
  readonly sizeBytes: number;
}

/** Passes a picture's bytes on as they come, and answers what it is. */
export async function receive(
  parts: AsyncIterable<TakeDomainScreenshotResponse>,
  write: (data: Uint8Array) => Promise<void>,
): Promise<Picture> {
  let [mimeType, sizeBytes] = ['', 0];
  for await (const part of parts) {
    mimeType ||= part.mimeType;
    sizeBytes += part.data.length;
    if (part.data.length > 0) await write(part.data);
  }
  if (sizeBytes === 0) throw new Fault('HYPERVISOR_FAILED', 'the server answered an empty picture', { desc: '' });
  return { mimeType, sizeBytes };
}

/** Keeps a picture in a file, which is whole or not there: it is written under another name beside it first. */
export async function keep(parts: AsyncIterable<TakeDomainScreenshotResponse>, file: string): Promise<Picture> {
  const unfinished = `${file}.${process.pid}.part`;
  try {
    const output = await open(unfinished, 'wx', 0o600);
    try {
      const picture = await receive(parts, (data) => output.writeFile(data));
      await output.close();
      await rename(unfinished, file);
      return picture;
    } catch (thrown) {
      await output.close();
      await rm(unfinished, { force: true });
      throw thrown;
    }
  } catch (thrown) {
    throw explained(thrown, file);
  }
}

const causes: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such directory',
  EACCES: 'you may not write there',
  EISDIR: 'it is a directory',
  ENOSPC: 'the disk is full',
  EROFS: 'nothing can be written there',
};

function explained(thrown: unknown, file: string): unknown {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  const cause = causes[code];
  return cause === undefined ? thrown : new Error(`cannot write ${file}: ${cause}`, { cause: thrown });
}

import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { Fault } from '@virtmesh/base';

/** A definition's free data are bounded, so a file beyond this is something else. */
const maxBytes = 16 * 1024 * 1024;

const causes: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'you may not read it',
  EISDIR: 'it is a directory',
};

/** What messages call a FILE argument. */
export const fileLabel = (file: string): string => (file === '-' ? '<stdin>' : file);

/** The text of a FILE argument, `-` being stdin; SPEC_INVALID where it cannot be read, is too long or is not UTF-8. */
export async function readText(file: string, stdin: Readable): Promise<string> {
  const refused = (why: string, cause?: unknown): Fault =>
    new Fault('SPEC_INVALID', `cannot read ${fileLabel(file)}: ${why}`, { file }, { cause });
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of file === '-' ? stdin : createReadStream(file)) {
      const bytes = Buffer.from(chunk as Uint8Array);
      chunks.push(bytes);
      length += bytes.length;
      if (length > maxBytes) throw refused(`it is longer than ${maxBytes / 1024 / 1024} MiB`);
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
    throw refused(code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'it is not UTF-8' : (causes[code] ?? String(thrown)), thrown);
  }
}

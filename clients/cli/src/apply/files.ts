import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { Fault } from '@virtmesh/base';
import { type DomainDocument, readDocuments } from '../spec/read-documents.ts';
import { fileLabel, readText } from '../spec/read-file.ts';
import type { DomainSchema } from '../spec/schema.ts';
import { UsageError } from '../usage-error.ts';

/** A definition and the file that it stands in. */
export interface Wanted {
  readonly file: string;
  readonly document: DomainDocument;
}

/** All definitions of files and directories, in their order, each domain once. Nothing is done where one of them is wrong. */
export async function readWanted(paths: readonly string[], stdin: Readable, schema: DomainSchema): Promise<Wanted[]> {
  const wanted: Wanted[] = [];
  const seen = new Map<string, string>();
  for (const path of (await Promise.all(paths.map(filesOf))).flat()) {
    const file = fileLabel(path);
    for (const document of readDocuments({ file, text: await readText(path, stdin) }, schema)) {
      const name = `${document.node ?? ''}/${document.name}`;
      const other = seen.get(name);
      if (other !== undefined) throw new Fault('SPEC_INVALID', `${document.name} is defined twice: in ${other} and in ${file}`, { file });
      seen.set(name, file);
      wanted.push({ file, document });
    }
  }
  return wanted;
}

/** A file itself, or the definitions in a directory, by name; what lies below it deeper is left out. */
async function filesOf(path: string): Promise<string[]> {
  const isDirectory = path !== '-' && (await stat(path).catch(() => undefined))?.isDirectory() === true;
  if (!isDirectory) return [path];
  const files = (await readdir(path, { withFileTypes: true }))
    .filter((entry) => !entry.isDirectory() && /\.(?:ya?ml|json)$/.test(entry.name))
    .map((entry) => join(path, entry.name));
  if (files.length === 0) throw new UsageError(`there is no .yaml, .yml or .json file in ${path}`);
  return files.toSorted();
}

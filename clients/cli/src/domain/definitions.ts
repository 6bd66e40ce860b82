import { UsageError } from '../usage-error.ts';
import type { Invocation } from '../invocation.ts';
import { isDomainId, domainIdRule } from '@virtmesh/base';
import { type DomainDocument, readDocuments } from '../spec/read-documents.ts';
import { fileLabel, readText } from '../spec/read-file.ts';
import { loadDomainSchema } from '../spec/schema.ts';

/** The definitions of the verb's FILE, all of them checked. */
export async function readDefinitions(
  invocation: Invocation,
): Promise<{ readonly file: string; readonly documents: readonly DomainDocument[] }> {
  const [argument = '-'] = invocation.args;
  const name = invocation.text('name');
  if (name !== undefined && !isDomainId(name)) throw new UsageError(`--name ${JSON.stringify(name.slice(0, 100))} must be ${domainIdRule}`);
  if (argument === '-' && invocation.terminal.stdin.isTTY) invocation.note('reading the definition from the terminal; Ctrl-D ends it');
  const file = fileLabel(argument);
  const documents = readDocuments({ file, text: await readText(argument, invocation.terminal.stdin), name }, loadDomainSchema());
  for (const document of documents) {
    if (document.ignored.length > 0)
      invocation.note(`${file}: ${document.name}: left out what only servers write: ${document.ignored.join(', ')}`);
    if (document.running !== undefined) invocation.note(`${file}: ${document.name}: running is left out; apply does what it says`);
  }
  return { file, documents };
}

/** Where a definition goes: the node of `-n`, else the one that the file names, else the only one there is. */
export function parentOf(invocation: Invocation, document: DomainDocument): string {
  return `nodes/${invocation.globals.node ?? document.node ?? '-'}`;
}

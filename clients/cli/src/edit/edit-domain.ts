import { tmpdir } from 'node:os';
import { Fault } from '@virtmesh/base';
import type { Connection } from '@virtmesh/client';
import type { Domain } from '@virtmesh/contracts/domain/v1/domain';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { putDefinition } from '../domain/put-definition.ts';
import { shortName } from '../domain-reference.ts';
import type { Invocation } from '../invocation.ts';
import { documentText } from '../spec/document-text.ts';
import { locatedFault } from '../spec/locate-fault.ts';
import { type DomainDocument, readDocuments } from '../spec/read-documents.ts';
import { type DomainSchema, loadDomainSchema } from '../spec/schema.ts';
import { Draft } from './draft.ts';
import { openEditor } from './editor.ts';
import { draftLabel, isAboutText, linesAbout } from './faults.ts';

/** What an edit came to; undefined where nothing was changed. */
export type Edited = { readonly operation: Operation; readonly autostart: boolean } | undefined;

/** Has the definition of a domain edited until it is accepted, or given up. What was written and is not in force is kept. */
export async function editDomain(invocation: Invocation, connection: Connection, domain: Domain, spec: DomainSpec): Promise<Edited> {
  const schema = loadDomainSchema();
  const name = shortName(domain.name);
  const original = await documentText({ name, autostart: domain.autostart }, spec, schema);
  const draft = await Draft.create(invocation.terminal.env['TMPDIR'] || tmpdir(), name, original);
  const validateOnly = invocation.flag('dryRun');
  const tellKept = (): void => void invocation.terminal.stderr.write(`what was written is kept in ${draft.file}\n`);
  let refusal: Fault | undefined;
  try {
    for (;;) {
      const lines = refusal
        ? linesAbout(refusal, name)
        : [`The definition of ${name}, in force at its next start. Lines with #! are left out.`];
      const changed = await draft.edit(lines, (file) => openEditor(invocation, file));
      if (refusal && !changed) throw refusal;
      if (draft.body === original || draft.body.trim() === '') break;
      try {
        const edited = await accept(invocation, connection, domain, readDraft(draft.body, domain, schema));
        if (validateOnly) tellKept();
        else await draft.remove();
        return edited;
      } catch (thrown) {
        if (!isAboutText(thrown)) throw thrown;
        refusal = thrown;
      }
    }
    await draft.remove();
    return undefined;
  } catch (thrown) {
    if (draft.body === original) await draft.remove();
    // Not a note: --quiet is no reason to lose it.
    else tellKept();
    throw thrown;
  }
}

/** The definition that was written; it has to be that of the same domain. */
function readDraft(text: string, domain: Domain, schema: DomainSchema): DomainDocument {
  const [document, ...more] = readDocuments({ file: draftLabel, text }, schema);
  const refused = (field: string, description: string): Fault => {
    const { line, column } = document?.locate(field) ?? { line: 1, column: 1 };
    return Fault.ofViolations('SPEC_INVALID', 'the definition is not valid', [
      { field: `${draftLabel}:${line}:${column}: ${field}`, description },
    ]);
  };
  if (document === undefined || more.length > 0) throw refused('', `there are ${more.length + 1} definitions, and one is edited`);
  if (document.name !== shortName(domain.name))
    throw refused('name', `must stay ${shortName(domain.name)}; domrename gives it another one`);
  if (document.uid !== undefined && document.uid !== domain.uid) throw refused('uid', `must stay ${domain.uid}`);
  return document;
}

async function accept(invocation: Invocation, connection: Connection, domain: Domain, document: DomainDocument): Promise<Edited> {
  try {
    const operation = await putDefinition(invocation, connection, domain, document, { alone: true, etag: domain.etag });
    return { operation, autostart: document.autostart ?? false };
  } catch (thrown) {
    throw locatedFault(thrown, document, draftLabel);
  }
}

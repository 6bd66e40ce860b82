import { Fault, isDomainId, isUuid, parseDomainName, type Violation, domainIdRule } from '@virtmesh/base';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { type Document, isMap, isScalar, isSeq, LineCounter, type Node as YamlNode, parseAllDocuments } from 'yaml';
import { didYouMean } from '../nearest.ts';
import { entriesOf, type Entry, MessageReader, resolved } from './read-message.ts';
import { type JsonObject, type Position, Reading } from './reading.ts';
import { type DomainSchema, fieldNamed } from './schema.ts';

/** One definition out of a file. */
export interface DomainDocument {
  /** The last segment of the domain's name. */
  readonly name: string;
  /** The node, where the file names it. */
  readonly node: string | undefined;
  readonly uid: string | undefined;
  /** Undefined where the file does not say, so that what is set already stays. */
  readonly autostart: boolean | undefined;
  /** Whether it shall run; undefined where the file does not say. */
  readonly running: boolean | undefined;
  readonly spec: DomainSpec;
  /** Fields that only servers write, which stood in it because it is an answer that was kept. */
  readonly ignored: readonly string[];
  /** Where a field of the request stands in the file, such as `spec.disks[0].bus`, or what is nearest to it. */
  readonly locate: (path: string) => Position | undefined;
}

export interface SourceText {
  /** What messages call it. */
  readonly file: string;
  readonly text: string;
  /** The name for a definition that stands alone, without `name` and `spec` around it. */
  readonly name?: string | undefined;
}

const ownFields = ['name', 'uid', 'autostart', 'running', 'spec'];
const mostProblems = 50;

/**
 * Reads definitions in YAML or JSON: each `{name, spec, autostart?, running?, uid?}`, a kept answer (a Domain, or a list of them),
 * or a bare DomainSpec whose name the caller gives. Everything that is wrong is told at once: a SPEC_INVALID fault whose
 * violations are named `file:line:column: field`.
 */
export function readDocuments(source: SourceText, schema: DomainSchema): DomainDocument[] {
  const counter = new LineCounter();
  const parsed = parseAllDocuments(source.text, {
    intAsBigInt: true,
    lineCounter: counter,
    prettyErrors: false,
    uniqueKeys: false,
    logLevel: 'silent',
  });
  const positionOf = (offset: number): Position => {
    const { line, col } = counter.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problems = new Reading(positionOf);
  const readers: DocumentReader[] = [];
  for (const document of Array.isArray(parsed) ? parsed : []) {
    for (const { pos, message } of [...document.errors, ...document.warnings]) problems.refuseAt(pos[0], message);
    if (document.errors.length > 0 || document.contents === null || (isScalar(document.contents) && document.contents.value === null))
      continue;
    for (const node of domainsIn(document)) readers.push(new DocumentReader(document, node, new Reading(positionOf), schema, source.name));
  }
  const read = readers.map((reader) => reader.read());
  const all = [...problems.problems, ...readers.flatMap((reader) => reader.reading.problems)];
  if (all.length === 0 && readers.length === 0) problems.refuseAt(0, 'there is no definition in it');
  if (source.name !== undefined && readers.length > 1)
    problems.refuseAt(0, `--name is for one definition, and there are ${readers.length}`);
  refuseTwins(read, problems);
  throwProblems(source.file, [...problems.problems, ...readers.flatMap((reader) => reader.reading.problems)]);
  return read.filter((document) => document !== undefined);
}

/** The same name twice in one file is a slip, whatever the second one says. */
function refuseTwins(documents: readonly (DomainDocument | undefined)[], reading: Reading): void {
  const seen = new Set<string>();
  for (const document of documents) {
    if (document === undefined) continue;
    const key = `${document.node ?? ''}/${document.name}`;
    const position = document.locate('name');
    if (seen.has(key) && position !== undefined)
      reading.problems.push({ position, path: 'name', message: `${document.name} is defined twice in this file` });
    seen.add(key);
  }
}

/** Throws what is wrong in a file, by place. */
export function throwProblems(file: string, problems: Reading['problems']): void {
  if (problems.length === 0) return;
  const sorted = problems.toSorted((a, b) => a.position.line - b.position.line || a.position.column - b.position.column);
  const violations: Violation[] = sorted.slice(0, mostProblems).map(({ position, path, message }) => ({
    field: `${file}:${position.line}:${position.column}${path === '' ? '' : `: ${path}`}`,
    description: message,
  }));
  const [first] = violations;
  if (violations.length === 1 && first) throw new Fault('SPEC_INVALID', `${first.field}: ${first.description}`, { file }, { violations });
  const more = sorted.length > mostProblems ? `, the first ${mostProblems} of them` : '';
  throw new Fault('SPEC_INVALID', `${file} has ${sorted.length} faults${more}`, { file }, { violations });
}

/** The definitions of a YAML document: itself, or the entries of a kept list. */
function domainsIn(document: Document): YamlNode[] {
  const root = document.contents as YamlNode;
  if (!isMap(root)) return [root];
  const list = resolved(root.get('domains', true), document);
  if (!isSeq(list) || root.has('spec') || root.has('hypervisor')) return [root];
  return list.items.map((item) => resolved(item, document)).filter((item) => item !== undefined);
}

class DocumentReader {
  readonly reading: Reading;
  readonly #document: Document;
  readonly #root: YamlNode;
  readonly #schema: DomainSchema;
  readonly #givenName: string | undefined;
  readonly #messages: MessageReader;

  constructor(document: Document, root: YamlNode, reading: Reading, schema: DomainSchema, givenName: string | undefined) {
    this.#document = document;
    this.#root = root;
    this.reading = reading;
    this.#schema = schema;
    this.#givenName = givenName;
    this.#messages = new MessageReader(document, reading);
    reading.place('', root);
  }

  read(): DomainDocument | undefined {
    if (!isMap(this.#root)) return this.reading.refuse(this.#root, '', 'a definition must be a mapping with name and spec');
    const entries = entriesOf(this.#root, '', this.#document, this.reading);
    const result = entries.some(({ name }) => name === 'spec' || name === 'name') ? this.#wrapped(entries) : this.#bare();
    return this.reading.problems.length === 0 ? result : undefined;
  }

  #bare(): DomainDocument | undefined {
    this.reading.place('spec', this.#root);
    const spec = this.#messages.message(this.#root, this.#schema.spec, 'spec');
    if (this.#givenName === undefined) {
      return this.reading.refuse(
        this.#root,
        '',
        'it has neither name nor spec: put the definition under spec and give it a name, or call with --name',
      );
    }
    return this.#made(
      { name: this.#givenName, node: undefined, uid: undefined, autostart: undefined, running: undefined, ignored: [] },
      spec,
    );
  }

  #wrapped(entries: readonly Entry[]): DomainDocument | undefined {
    const entryOf = (name: string): Entry | undefined => entries.find((entry) => entry.name === name);
    const nameEntry = entryOf('name');
    const answered = isAnswer(nameEntry, entries);
    const ignored = entries.filter((entry) => this.#isIgnored(entry, answered)).map(({ name }) => name);
    const named = this.#name(nameEntry, answered);
    const specEntry = entryOf('spec');
    if (specEntry === undefined) {
      const transient = entries.some(({ name }) => name === 'activeSpec' || name === 'active_spec');
      return this.reading.refuse(
        this.#root,
        'spec',
        transient ? 'is missing: a transient domain has none; get its definition by dumpspec' : 'is missing: put the definition under it',
      );
    }
    this.reading.place('spec', specEntry.key);
    const { value } = specEntry;
    const empty = value === undefined || (isScalar(value) && value.value === null);
    const spec = empty
      ? this.reading.refuse(specEntry.key, 'spec', 'has no value: put the definition under it')
      : this.#messages.message(value, this.#schema.spec, 'spec');
    const autostart = this.#boolean(entryOf('autostart'), 'autostart') ?? (answered ? false : undefined);
    const running = this.#boolean(entryOf('running'), 'running');
    const uid = answered ? undefined : this.#uid(entryOf('uid'));
    return named && this.#made({ ...named, uid, autostart, running, ignored: answered ? [...ignored, 'uid'] : ignored }, spec);
  }

  #made(head: Omit<DomainDocument, 'spec' | 'locate'>, spec: JsonObject | undefined): DomainDocument | undefined {
    if (spec === undefined || this.reading.problems.length > 0) return undefined;
    const locate = (path: string): Position | undefined => this.reading.locate(path === 'domain_id' ? 'name' : path);
    return { ...head, spec: DomainSpec.fromJSON(spec), locate };
  }

  /** Whether an entry is left out of the reading; refuses it where a person wrote it. */
  #isIgnored({ key, name }: Entry, answered: boolean): boolean {
    if (ownFields.includes(name)) return false;
    if (answered && fieldNamed(this.#schema.domain, name) !== undefined) return true;
    const inSpec = fieldNamed(this.#schema.spec, name) !== undefined;
    const hint = inSpec
      ? ': it stands under spec'
      : fieldNamed(this.#schema.domain, name)
        ? ' to write: only servers do; leave it out'
        : didYouMean(name, ownFields) || `; there are ${ownFields.join(', ')}`;
    this.reading.refuse(key, name, `there is no such field${hint}`);
    return false;
  }

  #name(entry: Entry | undefined, answered: boolean): { name: string; node: string | undefined } | undefined {
    if (entry === undefined) {
      if (this.#givenName !== undefined) return { name: this.#givenName, node: undefined };
      return this.reading.refuse(this.#root, 'name', 'is missing: write it beside spec, or call with --name');
    }
    this.reading.place('name', entry.key);
    const node = entry.value ?? entry.key;
    const text = isScalar(entry.value) ? entry.value.value : undefined;
    if (typeof text !== 'string') return this.reading.refuse(node, 'name', `must be a text: ${domainIdRule}`);
    if (answered) {
      const full = parseDomainName(text);
      return { name: this.#givenName ?? full.id ?? '', node: full.node };
    }
    if (!isDomainId(text)) return this.reading.refuse(node, 'name', `must be ${domainIdRule}`);
    return { name: this.#givenName ?? text, node: undefined };
  }

  #boolean(entry: Entry | undefined, path: string): boolean | undefined {
    if (entry === undefined) return undefined;
    this.reading.place(path, entry.key);
    if (isScalar(entry.value) && typeof entry.value.value === 'boolean') return entry.value.value;
    return this.reading.refuse(entry.value ?? entry.key, path, 'must be true or false');
  }

  #uid(entry: Entry | undefined): string | undefined {
    if (entry === undefined) return undefined;
    this.reading.place('uid', entry.key);
    const text = isScalar(entry.value) && typeof entry.value.value === 'string' ? entry.value.value.toLowerCase() : '';
    return isUuid(text)
      ? text
      : this.reading.refuse(entry.value ?? entry.key, 'uid', 'must be a UUID, such as 0190f5c2-1c4e-7c55-b5d0-3f6f0e9b7a11');
  }
}

/** Whether a document is an answer of a server that was kept: its name is the full one, and the server's uid is beside it. */
function isAnswer(name: Entry | undefined, entries: readonly Entry[]): boolean {
  if (!isScalar(name?.value) || typeof name.value.value !== 'string' || !entries.some((entry) => entry.name === 'uid')) return false;
  try {
    return parseDomainName(name.value.value).id !== undefined;
  } catch {
    return false;
  }
}

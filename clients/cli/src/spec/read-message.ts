import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { type Document, isAlias, isMap, isScalar, isSeq, type Node as YamlNode, type YAMLMap } from 'yaml';
import { didYouMean } from '../nearest.ts';
import type { JsonObject, JsonValue, Reading } from './reading.ts';
import { readScalar, type ScalarKind } from './read-scalar.ts';
import { fieldNamed, isByteSize } from './schema.ts';

/** A key and its value in a mapping of the file, aliases followed. */
export interface Entry {
  readonly key: YamlNode;
  readonly name: string;
  readonly value: YamlNode | undefined;
}

/** Follows an alias to what it stands for. */
export const resolved = (node: unknown, document: Document): YamlNode | undefined =>
  isAlias(node) ? node.resolve(document) : ((node as YamlNode | null) ?? undefined);

/** The entries of a mapping; keys that are no texts and keys that stand twice are refused. */
export function entriesOf(map: YAMLMap, path: string, document: Document, reading: Reading): Entry[] {
  const entries: Entry[] = [];
  const seen = new Set<string>();
  for (const pair of map.items) {
    const key = resolved(pair.key, document);
    if (!isScalar(key) || typeof key.value !== 'string') {
      reading.refuse(
        key ?? map,
        path,
        isScalar(key)
          ? `the key ${JSON.stringify(key.source ?? String(key.value))} must be a text: put it in quotes`
          : 'a key must be a text',
      );
      continue;
    }
    if (seen.has(key.value)) reading.refuse(key, path === '' ? key.value : `${path}.${key.value}`, 'is given twice');
    else entries.push({ key, name: key.value, value: resolved(pair.value, document) });
    seen.add(key.value);
  }
  return entries;
}

/** Reads mappings of a file into JSON of the contract's messages, strictly. */
export class MessageReader {
  readonly #document: Document;
  readonly #reading: Reading;

  constructor(document: Document, reading: Reading) {
    this.#document = document;
    this.#reading = reading;
  }

  /** Reads a message; `path` is where it stands, empty at the top. Fields that are wrong are noted and left out. */
  message(node: YamlNode, type: DescMessage, path: string): JsonObject | undefined {
    if (!isMap(node))
      return this.#reading.refuse(node, path, `must be a mapping of ${type.fields.map((field) => field.name).join(', ') || 'nothing: {}'}`);
    const result: JsonObject = {};
    const chosen = new Map<string, string>();
    for (const entry of entriesOf(node, path, this.#document, this.#reading)) {
      const field = fieldNamed(type, entry.name);
      const at = join(path, field?.name ?? entry.name);
      if (field === undefined) {
        this.#unknown(entry, type, at);
        continue;
      }
      this.#reading.place(at, entry.key);
      if (field.jsonName in result || this.#excluded(entry, field, at, chosen)) {
        if (field.jsonName in result) this.#reading.refuse(entry.key, at, `is given twice, as ${field.name} and as ${field.jsonName}`);
        continue;
      }
      const value = this.field(entry.value ?? entry.key, entry.value === undefined, field, at);
      if (value !== undefined) result[field.jsonName] = value;
    }
    return result;
  }

  /** Reads the value of one field, whatever its form. */
  field(node: YamlNode, absent: boolean, field: DescField, path: string): JsonValue | undefined {
    if (absent || (isScalar(node) && node.value === null)) return this.#reading.refuse(node, path, emptyHint(field));
    switch (field.fieldKind) {
      case 'message':
        return this.message(node, field.message, path);
      case 'list':
        return this.#list(node, field, path);
      case 'map':
        return this.#map(node, field, path);
      default:
        return readScalar(node, scalarKind(field), path, this.#reading);
    }
  }

  #unknown(entry: Entry, type: DescMessage, path: string): void {
    const names = type.fields.map((field) => field.name);
    const hint = didYouMean(entry.name, names) || (names.length === 0 ? '; it has none: {}' : `; there are ${names.join(', ')}`);
    this.#reading.refuse(
      entry.key,
      path,
      entry.name === '<<' ? 'merge keys are not supported: use an alias for a whole value' : `there is no such field${hint}`,
    );
  }

  #excluded(entry: Entry, field: DescField, path: string, chosen: Map<string, string>): boolean {
    if (field.oneof === undefined) return false;
    const other = chosen.get(field.oneof.name);
    chosen.set(field.oneof.name, other ?? field.name);
    if (other === undefined || other === field.name) return false;
    this.#reading.refuse(
      entry.key,
      path,
      `does not go together with ${other}: give only one of ${field.oneof.fields.map((each) => each.name).join(', ')}`,
    );
    return true;
  }

  #list(node: YamlNode, field: DescField & { fieldKind: 'list' }, path: string): JsonValue[] | undefined {
    if (!isSeq(node)) return this.#reading.refuse(node, path, 'must be a list: begin each entry with "- "');
    const values: JsonValue[] = [];
    for (const [index, item] of node.items.entries()) {
      const at = `${path}[${index}]`;
      const entry = resolved(item, this.#document);
      if (entry === undefined) continue;
      this.#reading.place(at, entry);
      const value =
        field.listKind === 'message' ? this.message(entry, field.message, at) : readScalar(entry, scalarKind(field), at, this.#reading);
      if (value !== undefined) values.push(value);
    }
    return values;
  }

  #map(node: YamlNode, field: DescField & { fieldKind: 'map' }, path: string): JsonObject | undefined {
    if (!isMap(node)) return this.#reading.refuse(node, path, 'must be a mapping of names to values');
    if (field.mapKind === 'message') throw new Error(`maps of messages cannot be written in a definition yet (${path})`);
    const values: JsonObject = {};
    for (const entry of entriesOf(node, path, this.#document, this.#reading)) {
      const at = `${path}[${JSON.stringify(entry.name)}]`;
      this.#reading.place(at, entry.key);
      const value = readScalar(entry.value ?? entry.key, scalarKind(field), at, this.#reading);
      // The generated code of the contract keeps maps in plain objects, which cannot hold this key.
      if (entry.name === '__proto__') this.#reading.refuse(entry.key, at, 'cannot be named so');
      else if (value !== undefined) values[entry.name] = value;
    }
    return values;
  }
}

const join = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

const emptyHint = (field: DescField): string =>
  field.fieldKind === 'message'
    ? 'has no value: write {} for one with defaults, or leave the field out'
    : 'has no value: give it one, or leave the field out';

function scalarKind(field: DescField): ScalarKind {
  if (field.enum !== undefined) return { kind: 'enum', type: field.enum };
  if (field.scalar === undefined) throw new Error(`${field.toString()} is no single value`);
  return { kind: 'scalar', type: field.scalar, bytes: isByteSize(field) };
}

import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import type { Violation } from '@virtmesh/base';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { LineCounter, parseDocument } from 'yaml';
import { didYouMean } from '../nearest.ts';
import { UsageError } from '../usage-error.ts';
import { MessageReader } from './read-message.ts';
import { type JsonObject, type JsonValue, Reading } from './reading.ts';
import { type DomainSchema, fieldNamed } from './schema.ts';

export interface Assignments {
  /** The new values, and nothing else. */
  readonly spec: DomainSpec;
  /** The paths that are given values, in the contract's names. */
  readonly paths: readonly string[];
}

/** Reads `memory.current_bytes=512MiB` and the like. A UsageError for what is no assignment, and for values that are wrong, all of them. */
export function readAssignments(words: readonly string[], schema: DomainSchema): Assignments {
  const json: JsonObject = {};
  const paths: string[] = [];
  const violations: Violation[] = [];
  for (const word of words) {
    const at = word.indexOf('=');
    if (at <= 0) throw new UsageError(`${JSON.stringify(word.slice(0, 100))} must be path=value, such as title=web`);
    const fields = fieldsOf(word.slice(0, at), schema.spec);
    const path = fields.map((field) => field.name).join('.');
    if (paths.includes(path)) throw new UsageError(`${path} is given twice`);
    paths.push(path);
    const value = readValue(word.slice(at + 1), fields, path, violations);
    if (value !== undefined) put(json, fields, value);
  }
  if (violations.length > 0) throw UsageError.ofViolations('the change is not valid', violations);
  return { spec: DomainSpec.fromJSON(json), paths };
}

/** The fields along a path. It ends at a list or map, since these are replaced whole. */
function fieldsOf(path: string, spec: DescMessage): DescField[] {
  const fields: DescField[] = [];
  let message: DescMessage | undefined = spec;
  for (const name of path.split('.')) {
    const before = fields.map((field) => field.name).join('.');
    if (message === undefined)
      throw new UsageError(
        `${path}: ${before} ${fields.at(-1)?.fieldKind === 'message' ? 'cannot be gone into' : 'is replaced whole: give its new value'}, as ${before}=VALUE`,
      );
    const field = fieldNamed(message, name);
    if (field === undefined) {
      const names = message.fields.map((each) => each.name);
      throw new UsageError(
        `${path}: there is no field ${JSON.stringify(name)}${before === '' ? ' in a definition' : ` in ${before}`}${didYouMean(name, names) || `; there are ${names.join(', ')}`}`,
      );
    }
    fields.push(field);
    message = field.fieldKind === 'message' ? field.message : undefined;
  }
  return fields;
}

/** The value in YAML; nothing means the default, which is what a path without a value in the request asks for. */
function readValue(text: string, fields: readonly DescField[], path: string, violations: Violation[]): JsonValue | undefined {
  const field = fields.at(-1);
  if (field === undefined || text === '') return undefined;
  // Text is taken as it is, so that `title=5` needs no quotes within quotes.
  if (field.fieldKind === 'scalar' && field.scalar === ScalarType.STRING) return text;
  const counter = new LineCounter();
  const document = parseDocument(text, {
    intAsBigInt: true,
    prettyErrors: false,
    uniqueKeys: false,
    lineCounter: counter,
    logLevel: 'silent',
  });
  const reading = new Reading((offset) => {
    const { line, col } = counter.linePos(offset);
    return { line, column: col };
  });
  for (const { pos, message } of document.errors) reading.refuseAt(pos[0], message);
  const value =
    reading.problems.length > 0 || document.contents === null
      ? undefined
      : new MessageReader(document, reading).field(document.contents, false, field, path);
  violations.push(...reading.problems.map((problem) => ({ field: problem.path || path, description: problem.message })));
  return value;
}

function put(json: JsonObject, fields: readonly DescField[], value: JsonValue): void {
  let object = json;
  for (const field of fields.slice(0, -1)) {
    const below = (object[field.jsonName] ??= {});
    object = below as JsonObject;
  }
  const last = fields.at(-1);
  if (last) object[last.jsonName] = value;
}

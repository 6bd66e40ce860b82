import type { Violation } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { domainSpecShape, type Field, type MessageShape } from './spec-descriptor.ts';

/** More than any bus, machine or CPU has of anything. */
const maxEntries = 512;

/** One field of a definition that is set: not its default, or a message that is present. */
export interface SetField {
  /** With indexes, such as `disks[1].cache`. */
  readonly path: string;
  /** Without indexes, such as `disks.cache`. */
  readonly field: string;
  /** False for a message, whose fields follow. */
  readonly leaf: boolean;
  readonly value: unknown;
  readonly shape: Field['shape'];
}

/** The leaf fields of DomainSpec, as proto paths without indexes, in the contract's order. A map is a leaf. */
export function specLeafFields(): readonly string[] {
  return leafFields(domainSpecShape(), '');
}

/**
 * Violations for lists that are longer than any definition's. To be asked first: all that looks at each entry takes its
 * time for each, and a request has room for a million.
 */
export function overlongLists(spec: DomainSpec): readonly Violation[] {
  return [...overlong(domainSpecShape(), spec, '')];
}

/** The set fields of a definition, depth first, a message before its fields. */
export function setFields(spec: DomainSpec): readonly SetField[] {
  const found: SetField[] = [];
  visit(domainSpecShape(), spec, '', '', (field) => found.push(field));
  return found;
}

/**
 * A violation for each set field that a driver does not drive. `drives` holds leaf fields; a message is driven if one of
 * its fields is, so that an unknown kind of device is refused as a whole. `instead` has what to do instead, by field.
 */
export function refuseUndriven(
  spec: DomainSpec,
  drives: ReadonlySet<string>,
  driverType: string,
  instead: ReadonlyMap<string, string> = new Map(),
): readonly Violation[] {
  const known = new Set([...drives].flatMap(prefixes));
  const violations: Violation[] = [];
  let refused: string | undefined;
  for (const { path, field } of setFields(spec)) {
    if (known.has(field) || (refused !== undefined && path.startsWith(refused))) continue;
    refused = `${path}.`;
    violations.push({
      field: path,
      description: `the driver ${driverType} does not drive this field; ${instead.get(field) ?? 'leave it out, or use another driver'}`,
    });
  }
  return violations;
}

/** Violations for values that the contract does not have, which only a newer or faulty client can send. */
export function unknownEnumValues(spec: DomainSpec): readonly Violation[] {
  return setFields(spec).flatMap(({ path, shape, value }) =>
    shape.t === 'enum' && !shape.values.has(value as number)
      ? [
          {
            field: path,
            description: `${String(value)} is not a value of ${shape.name}; use one of ${[...shape.values.values()].join(', ')}`,
          },
        ]
      : [],
  );
}

function* overlong(message: MessageShape, object: object, prefix: string): Generator<Violation> {
  for (const field of message.fields) {
    const value = valueOf(field, object);
    const path = `${prefix}${field.name}`;
    if (Array.isArray(value) && value.length > maxEntries)
      yield { field: path, description: `has ${value.length} entries; leave some out, the most is ${maxEntries}` };
    else if (field.shape.t === 'message' && value !== undefined && value !== null) {
      const items = (Array.isArray(value) ? value : [value]) as object[];
      for (const [index, item] of items.entries())
        yield* overlong(field.shape.message, item, field.repeated ? `${path}[${index}].` : `${path}.`);
    }
  }
}

function leafFields(message: MessageShape, prefix: string): string[] {
  return message.fields.flatMap(({ name, shape }) =>
    shape.t === 'message' ? leafFields(shape.message, `${prefix}${name}.`) : [`${prefix}${name}`],
  );
}

function prefixes(field: string): string[] {
  const segments = field.split('.');
  return segments.map((_, index) => segments.slice(0, index + 1).join('.'));
}

function visit(message: MessageShape, object: object, path: string, field: string, found: (field: SetField) => void): void {
  for (const each of message.fields) {
    const value = valueOf(each, object);
    if (!isSet(value, each.oneof !== undefined)) continue;
    const here = { field: `${field}${each.name}`, shape: each.shape };
    const values: [string, unknown][] = each.repeated
      ? (value as unknown[]).map((item, index) => [`${path}${each.name}[${index}]`, item])
      : [[`${path}${each.name}`, value]];
    for (const [at, item] of values) {
      found({ ...here, path: at, value: item, leaf: each.shape.t !== 'message' });
      if (each.shape.t === 'message') visit(each.shape.message, item as object, `${at}.`, `${here.field}.`, found);
    }
  }
}

function valueOf(field: Field, object: object): unknown {
  if (field.oneof === undefined) return (object as Record<string, unknown>)[field.property];
  const choice = (object as Record<string, { $case: string; value: unknown } | undefined>)[field.oneof];
  return choice?.$case === field.property ? choice.value : undefined;
}

/** A field has presence in a oneof; elsewhere its default means that it is not set. */
function isSet(value: unknown, presence: boolean): boolean {
  if (value === undefined || value === null) return false;
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === 'object') return Object.keys(value).length > 0;
  return presence || !(value === '' || value === 0 || value === 0n || value === false);
}

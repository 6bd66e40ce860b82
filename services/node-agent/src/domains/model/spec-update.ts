import { Fault, type Violation } from '@virtmesh/base';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { domainSpecShape, type Field, type MessageShape } from '@virtmesh/driver-spi';

type Tree = Readonly<Record<string, unknown>>;

/** Fields that neither a start nor a guest cares about: a change of them is always live. */
const descriptive = new Set(['title', 'description', 'labels', 'metadata']);
export const isDescriptive = (path: string): boolean => descriptive.has(path.split('.')[0] ?? '');

/** Fields that never change in the life of a domain. */
const fixed = new Set(['hypervisor']);

/** The paths of a mask, `*` spelled out, each checked to be a field of DomainSpec. */
export function maskPaths(mask: readonly string[] | undefined): readonly string[] {
  if (mask === undefined || mask.length === 0) throw refused([{ field: 'update_mask', description: 'must name at least one field, or *' }]);
  if (mask.includes('*')) {
    if (mask.length > 1) throw refused([{ field: 'update_mask', description: '* must stand alone' }]);
    return domainSpecShape()
      .fields.map((field) => field.name)
      .filter((name) => !fixed.has(name));
  }
  const violations = mask.flatMap((path) => [...pathViolations(path)]);
  if (violations.length > 0) throw refused(violations);
  return [...new Set(mask)];
}

const refused = (violations: readonly Violation[]): Fault => Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', violations);

function* pathViolations(path: string): Generator<Violation> {
  const field = 'update_mask';
  const shown = JSON.stringify(path.slice(0, 100));
  if (fixed.has(path)) yield { field, description: `${path} cannot be changed; create another domain` };
  else if (fieldsAt(path) !== undefined) return;
  else if (domainSpecShape().fields.some(({ name }) => name === path.split('.')[0]))
    yield { field, description: `${shown} does not lead to a field; lists and maps are replaced whole` };
  else yield { field, description: `${shown} is not a field of DomainSpec` };
}

/** The fields along a path; undefined where it leads nowhere, or into a list or map. */
function fieldsAt(path: string): readonly Field[] | undefined {
  const fields: Field[] = [];
  let message: MessageShape | undefined = domainSpecShape();
  for (const segment of path.split('.')) {
    const field: Field | undefined = message?.fields.find((each) => each.name === segment);
    if (field === undefined) return undefined;
    fields.push(field);
    message = innerOf(field);
  }
  return fields;
}

/** What a path can go on into. */
const innerOf = ({ oneof, repeated, shape }: Field): MessageShape | undefined =>
  shape.t === 'message' && !repeated && oneof === undefined ? shape.message : undefined;

/** `spec` with the values of `from` at checked paths. What `from` does not have is reset there. */
export function merge(spec: DomainSpec, from: DomainSpec, paths: readonly string[]): DomainSpec {
  const merged = paths.reduce<Tree>(
    (target, path) => copied(target, from as unknown as Tree, fieldsAt(path) ?? []),
    spec as unknown as Tree,
  );
  // Fills in the fields of messages that were not there.
  return DomainSpec.fromPartial(merged);
}

function copied(target: Tree, source: Tree | undefined, [field, ...rest]: readonly Field[]): Tree {
  if (field === undefined) return target;
  if (field.oneof !== undefined) {
    const chosen = (tree: Tree | undefined): unknown =>
      (tree?.[field.oneof ?? ''] as { $case: string } | undefined)?.$case === field.property ? tree?.[field.oneof ?? ''] : undefined;
    const value = chosen(source);
    return value === undefined && chosen(target) === undefined ? target : { ...target, [field.oneof]: value };
  }
  if (rest.length === 0) return { ...target, [field.property]: source?.[field.property] };
  const inner = target[field.property] as Tree | undefined;
  const from = source?.[field.property] as Tree | undefined;
  // Nothing in a message that neither side has is not a reason to make one: a device would come from it.
  if (inner === undefined && from === undefined) return target;
  return { ...target, [field.property]: copied(inner ?? {}, from, rest) };
}

/** A path that leads to a message as the paths of its fields, so that each can be judged by itself. */
export function leafPaths(path: string): readonly string[] {
  const field = fieldsAt(path)?.at(-1);
  const message = field && innerOf(field);
  return message ? message.fields.flatMap((inner) => leafPaths(`${path}.${inner.name}`)) : [path];
}

/** The value at a path in a form that can be compared; empty where it is not set. */
export function valueAt(spec: DomainSpec, path: string): string {
  let at: unknown = spec;
  for (const { oneof, property } of fieldsAt(path) ?? []) {
    const choice =
      oneof === undefined
        ? undefined
        : ((at as Tree | undefined)?.[oneof] as { readonly $case: string; readonly value: unknown } | undefined);
    at = oneof === undefined ? (at as Tree | undefined)?.[property] : choice?.$case === property ? choice.value : undefined;
  }
  const text = JSON.stringify(at, canonical) ?? '';
  return unset.has(text) ? '' : text;
}

/** What a scalar, list or map that is not set looks like. */
const unset = new Set(['0', '"0"', '""', 'false', '[]', '{}']);

/** Whether two definitions would start different guests. */
export function startsDiffer(a: DomainSpec, b: DomainSpec): boolean {
  return domainSpecShape().fields.some(
    ({ name }) => !descriptive.has(name) && leafPaths(name).some((path) => valueAt(a, path) !== valueAt(b, path)),
  );
}

/** What is the same for two values if and only if they are the same. */
export const canonicalText = (value: unknown): string => JSON.stringify(value, canonical) ?? '';

function canonical(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { domainSpecShape, type Field, type MessageShape } from './spec-descriptor.ts';

type Tree = Readonly<Record<string, unknown>>;

/** The fields along a path of an update, such as `memory.balloon.disabled`; undefined where it leads nowhere, or into a list, a map or a oneof. */
export function fieldsAt(path: string): readonly Field[] | undefined {
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

/** A path that leads to a message as the paths of its fields, so that each can be judged by itself. */
export function leafPaths(path: string): readonly string[] {
  const field = fieldsAt(path)?.at(-1);
  const message = field && innerOf(field);
  return message ? message.fields.flatMap((inner) => leafPaths(`${path}.${inner.name}`)) : [path];
}

/** `spec` with the values of `from` at paths that lead to fields. What `from` does not have is reset there. */
export function mergePaths(spec: DomainSpec, from: DomainSpec, paths: readonly string[]): DomainSpec {
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

/** Whether two definitions say different things at a path. A message that is not there says as little as an empty one. */
export function differAt(path: string, a: DomainSpec, b: DomainSpec): boolean {
  return leafPaths(path).some((leaf) => textAt(a, leaf) !== textAt(b, leaf));
}

/** The value of a leaf in a form that can be compared; empty where it is not set. */
function textAt(spec: DomainSpec, path: string): string {
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

function canonical(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

import { z } from 'zod';

/** What a configuration may hold, by JSON Schema: sections with named keys, and values. */
export type Structure =
  | { readonly kind: 'section'; readonly keys: ReadonlyMap<string, Structure> }
  | { readonly kind: 'list'; readonly item: Structure }
  /** `text` is taken as it stands from the environment and flags; others are read as YAML. */
  | { readonly kind: 'value'; readonly text: boolean };

interface JsonSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

/** The structure of what a schema takes as input. */
export function structureOf(schema: z.ZodType): Structure {
  return fromJsonSchema(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema);
}

function fromJsonSchema(schema: JsonSchema): Structure {
  if (schema.properties !== undefined)
    return { kind: 'section', keys: new Map(Object.entries(schema.properties).map(([key, value]) => [key, fromJsonSchema(value)])) };
  if (schema.type === 'array' && schema.items !== undefined) return { kind: 'list', item: fromJsonSchema(schema.items) };
  return { kind: 'value', text: schema.type === 'string' };
}

/** All that can be set, as paths of keys: a section as a whole before what is in it. */
export function* settingsOf(structure: Structure, path: readonly string[] = []): Generator<readonly string[]> {
  if (path.length > 0) yield path;
  if (structure.kind !== 'section') return;
  for (const [key, inner] of structure.keys) yield* settingsOf(inner, [...path, key]);
}

/** What stands at a path, or undefined where the structure has nothing there. */
export function structureAt(structure: Structure, path: readonly string[]): Structure | undefined {
  let at: Structure | undefined = structure;
  for (const key of path) at = at?.kind === 'section' ? at.keys.get(key) : undefined;
  return at;
}

/** `VIRTMESH_RPC_SOCKET_GROUP` of `rpc.socketGroup`. */
export function environmentName(path: readonly string[]): string {
  return `VIRTMESH_${path
    .map((key) => key.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2'))
    .join('_')
    .toUpperCase()}`;
}

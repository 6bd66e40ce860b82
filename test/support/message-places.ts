import {
  create,
  createFileRegistry,
  type DescField,
  type DescMessage,
  fromBinary,
  type Message,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { descriptorSet } from '@virtmesh/contracts';

/** What can stand at a place. */
export type PlaceKind = 'text' | 'int32' | 'int64' | 'enum' | 'other';

/** A field that holds a value, somewhere below a message; of a list the first element, of a map the keys and the values. */
export interface Place {
  /** Such as `spec.disks[0].serial`; ends with `[key]` for the keys of a map. */
  readonly path: string;
  readonly kind: PlaceKind;
  /** Sets it, with the messages on the way to it. */
  set(message: Message, value: unknown): void;
  /** What stands there; undefined if the way to it is not there. */
  get(message: Message): unknown;
}

type Tree = Record<string, unknown>;
type Step = (message: Tree, make: boolean) => Tree | undefined;

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet()));

/** A message of the contract by its full name. */
export function messageNamed(name: string): DescMessage {
  const message = registry.getMessage(name);
  if (message === undefined) throw new Error(`the contract has no ${name}`);
  return message;
}

/** The unary methods of a service: their names as clients have them, and their requests. */
export function unaryMethods(service: string): readonly { readonly name: string; readonly request: DescMessage }[] {
  const methods = registry.getService(service)?.methods ?? [];
  return methods.filter(({ methodKind }) => methodKind === 'unary').map(({ localName, input }) => ({ name: localName, request: input }));
}

/** The bytes of a message with another value at a place. */
export function bytesWith(desc: DescMessage, base: Uint8Array, place: Place, value: unknown): Buffer {
  const message = fromBinary(desc, base);
  place.set(message, value);
  return Buffer.from(toBinary(desc, message));
}

/** What stands at a place of an encoded message. */
export const valueIn = (desc: DescMessage, bytes: Uint8Array, place: Place): unknown => place.get(fromBinary(desc, bytes));

/** All places of a message, depth first. */
export function placesOf(desc: DescMessage): readonly Place[] {
  return placesBelow(desc, '', (message) => message);
}

function placesBelow(desc: DescMessage, prefix: string, way: Step): Place[] {
  return desc.fields.flatMap((field): Place[] => {
    const path = `${prefix}${field.name}`;
    if (field.fieldKind === 'map') return mapPlaces(field, path, way);
    if (field.message !== undefined) {
      const list = field.fieldKind === 'list';
      return placesBelow(field.message, `${path}${list ? '[0]' : ''}.`, into(field, field.message, list, way));
    }
    return [leaf(field, field.fieldKind === 'list' ? `${path}[0]` : path, way)];
  });
}

/** The way into a message field, or into the first element of a list. */
function into(field: DescField, desc: DescMessage, list: boolean, way: Step): Step {
  return (message, make) => {
    const holder = way(message, make);
    if (holder === undefined) return undefined;
    const present = (list ? (holder[field.localName] as Tree[])[0] : chosen(field, holder)) as Tree | undefined;
    if (present !== undefined || !make) return present;
    const made = create(desc) as unknown as Tree;
    if (list) (holder[field.localName] as Tree[])[0] = made;
    else choose(field, holder, made);
    return made;
  };
}

function leaf(field: DescField, path: string, way: Step): Place {
  const list = field.fieldKind === 'list';
  return {
    path,
    kind: kindOf(field),
    set: (message, value) => {
      const holder = way(message, true);
      if (holder && list) (holder[field.localName] as unknown[])[0] = value;
      else if (holder) choose(field, holder, value);
    },
    get: (message) => {
      const holder = way(message, false);
      return holder && (list ? (holder[field.localName] as unknown[])[0] : chosen(field, holder));
    },
  };
}

function mapPlaces(field: DescField, path: string, way: Step): Place[] {
  const mapIn = (message: Message, make: boolean): Tree | undefined => way(message, make)?.[field.localName] as Tree | undefined;
  const entry = { writable: true, enumerable: true, configurable: true };
  return [
    {
      path: `${path}[key]`,
      kind: 'text',
      set: (message, key) => void Object.defineProperty(mapIn(message, true) ?? {}, key as string, { ...entry, value: 'hostile key' }),
      get: (message) => Object.entries(mapIn(message, false) ?? {}).find(([, value]) => value === 'hostile key')?.[0],
    },
    {
      path: `${path}[value]`,
      kind: 'text',
      set: (message, value) => void Object.defineProperty(mapIn(message, true) ?? {}, 'urn:key', { ...entry, value }),
      get: (message) => mapIn(message, false)?.['urn:key'],
    },
  ];
}

function chosen(field: DescField, holder: Tree): unknown {
  if (field.oneof === undefined) return holder[field.localName];
  const choice = holder[field.oneof.localName] as { case?: string; value?: unknown };
  return choice.case === field.localName ? choice.value : undefined;
}

/** Sets a field on its holder, in its oneof if it has one. */
function choose(field: DescField, holder: Tree, value: unknown): void {
  Object.assign(
    holder,
    field.oneof === undefined ? { [field.localName]: value } : { [field.oneof.localName]: { case: field.localName, value } },
  );
}

function kindOf(field: DescField): PlaceKind {
  if (field.enum !== undefined) return 'enum';
  const scalar = field.fieldKind === 'scalar' || field.fieldKind === 'list' ? field.scalar : undefined;
  if (scalar === ScalarType.STRING) return 'text';
  if (scalar === ScalarType.INT32) return 'int32';
  return scalar === ScalarType.INT64 ? 'int64' : 'other';
}

import { createFileRegistry, type DescField, type DescMessage, type FileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Fault, type Violation } from '@virtmesh/base';
import { descriptorSet } from '@virtmesh/contracts';

/** Every object of JavaScript has a property of this name: the decoder of the contract loses the entry of a map under it. */
const lostKey = '__proto__';

/** Refuses a request with an entry of a map that its decoder would lose. `path` is the method's. */
export function refuseLostKeys(path: string, bytes: Buffer): void {
  if (!bytes.includes(lostKey)) return;
  const [service = '', method = ''] = path.slice(1).split('/');
  const input = registry()
    .getService(service)
    ?.methods.find(({ name }) => name === method)?.input;
  if (input === undefined) return;
  const violations = [...lostIn(input, fromBinary(input, bytes), '')];
  if (violations.length > 0) throw Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', violations);
}

type Tree = Readonly<Record<string, unknown>>;

/** Decoded at the first use: hardly any process ever meets such a request. */
const registry: () => FileRegistry = once(() => createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet())));

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

function* lostIn(desc: DescMessage, message: Tree, prefix: string): Generator<Violation> {
  for (const field of desc.fields) {
    const at = `${prefix}${field.name}`;
    const value = valueOf(field, message);
    if (field.fieldKind === 'map') {
      if (Object.hasOwn(value as Tree, lostKey))
        yield { field: `${at}[${JSON.stringify(lostKey)}]`, description: `a key cannot be ${lostKey}; choose another` };
    } else if (field.message !== undefined && value !== undefined) {
      const items =
        field.fieldKind === 'list'
          ? [...(value as Tree[]).entries()].map(([index, item]) => [`${at}[${index}]`, item] as const)
          : [[at, value as Tree] as const];
      for (const [path, item] of items) yield* lostIn(field.message, item, `${path}.`);
    }
  }
}

function valueOf(field: DescField, message: Tree): unknown {
  if (field.oneof === undefined) return message[field.localName];
  const choice = message[field.oneof.localName] as { readonly case?: string; readonly value?: unknown };
  return choice.case === field.localName ? choice.value : undefined;
}

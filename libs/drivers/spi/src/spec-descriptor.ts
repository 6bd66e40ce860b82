import { createFileRegistry, type DescField, type DescMessage, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { descriptorSet } from '@virtmesh/contracts';

/** What one field of a message of the contract holds. */
export type FieldShape =
  | { readonly t: 'scalar' }
  | { readonly t: 'enum'; readonly name: string; readonly values: ReadonlyMap<number, string> }
  | { readonly t: 'message'; readonly message: MessageShape }
  | { readonly t: 'map' };

/** A field as its message object carries it. */
export interface Field {
  /** The name in the proto, such as `file_path`. */
  readonly name: string;
  /** The property of the object, such as `filePath`; inside a oneof also its `$case`. */
  readonly property: string;
  /** The property that holds the oneof that the field belongs to, if any. */
  readonly oneof: string | undefined;
  readonly repeated: boolean;
  readonly shape: FieldShape;
}

/** A message of the contract. */
export interface MessageShape {
  readonly fields: readonly Field[];
}

/** DomainSpec as the contract describes it. Decoded once, at the first use (about 40 ms, 5 MB), since many processes never ask. */
export const domainSpecShape: () => MessageShape = once(() => {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet()));
  const spec = registry.getMessage('virtmesh.domain.v1.DomainSpec');
  if (spec === undefined) throw new Error('the contract has no virtmesh.domain.v1.DomainSpec');
  return messageShape(spec);
});

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

function messageShape(message: DescMessage): MessageShape {
  return {
    fields: message.fields.map((field) => ({
      name: field.name,
      property: field.localName,
      oneof: field.oneof?.localName,
      repeated: field.fieldKind === 'list',
      shape: fieldShape(field),
    })),
  };
}

function fieldShape(field: DescField): FieldShape {
  if (field.fieldKind === 'map') return { t: 'map' };
  if (field.message !== undefined) return { t: 'message', message: messageShape(field.message) };
  if (field.enum !== undefined)
    return { t: 'enum', name: field.enum.name, values: new Map(field.enum.values.map((value) => [value.number, value.name])) };
  return { t: 'scalar' };
}

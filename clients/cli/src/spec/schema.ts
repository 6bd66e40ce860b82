import { createFileRegistry, type DescEnum, type DescField, type DescMessage, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { descriptorSet } from '@virtmesh/contracts';

/** The contract's own description of what a definition holds. */
export interface DomainSchema {
  readonly domain: DescMessage;
  readonly spec: DescMessage;
  readonly device: DescMessage;
}

/** Reads the description out of the contract: the reader and the printer of definitions know no field by name. */
export function loadDomainSchema(): DomainSchema {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet()));
  const message = (name: string): DescMessage => {
    const found = registry.getMessage(name);
    if (found === undefined) throw new Error(`the contract has no message ${name}`);
    return found;
  };
  return {
    domain: message('virtmesh.domain.v1.Domain'),
    spec: message('virtmesh.domain.v1.DomainSpec'),
    device: message('virtmesh.domain.v1.Device'),
  };
}

/** Whether a field's value is a number of bytes, and so may be written with a unit. */
export const isByteSize = (field: DescField): boolean => /_bytes(_|$)/.test(field.name);

/** The field of that name, written as in the contract (`size_bytes`) or as in JSON (`sizeBytes`). */
export const fieldNamed = (message: DescMessage, name: string): DescField | undefined =>
  message.fields.find((field) => field.name === name || field.jsonName === name);

/** An enum value's name without its type's prefix, in lower case: `virtio` of DISK_BUS_VIRTIO. */
export function shortEnumName(type: DescEnum, name: string): string {
  const prefix = type.sharedPrefix?.toUpperCase() ?? '';
  return (name.startsWith(prefix) ? name.slice(prefix.length) : name).toLowerCase();
}

/** The short names that can be written: all but the one for "left out". */
export const enumChoices = (type: DescEnum): string[] =>
  type.values.filter((value) => value.number !== 0).map((value) => shortEnumName(type, value.name));

/** The full name of a value written as `virtio`, `VIRTIO`, `host-passthrough` or `DISK_BUS_VIRTIO`. */
export function enumValueNamed(type: DescEnum, text: string): string | undefined {
  const wanted = text.toUpperCase().replaceAll('-', '_');
  return type.values.find(
    (value) => value.number !== 0 && (value.name === wanted || shortEnumName(type, value.name).toUpperCase() === wanted),
  )?.name;
}

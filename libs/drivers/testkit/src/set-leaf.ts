import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { domainSpecShape, type Field, type MessageShape } from '@virtmesh/driver-spi';

/** A definition in which one leaf field is set, by its path without indexes; a new entry of a list where there is one on the way. */
export function withLeaf(spec: DomainSpec, path: string): DomainSpec {
  const copy = DomainSpec.fromPartial(spec);
  set(copy as unknown as Holder, domainSpecShape(), path.split('.'));
  return copy;
}

type Holder = Record<string, unknown>;

function set(holder: Holder, message: MessageShape, [name, ...rest]: readonly string[]): void {
  const field = message.fields.find((each) => each.name === name);
  if (!field) throw new Error(`no such field: ${String(name)}`);
  const value = field.shape.t === 'message' ? inner(holder, field, field.shape.message, rest) : leafValue(field);
  if (field.oneof !== undefined) holder[field.oneof] = { $case: field.property, value };
  else if (field.repeated) holder[field.property] = [...((holder[field.property] as unknown[] | undefined) ?? []), value];
  else holder[field.property] = value;
}

function inner(holder: Holder, field: Field, message: MessageShape, rest: readonly string[]): Holder {
  const present = field.repeated || field.oneof !== undefined ? undefined : (holder[field.property] as Holder | undefined);
  const value = present ?? blank(message);
  set(value, message, rest);
  return value;
}

/** A message as the generated code makes it, as far as a walk over its fields looks at it. */
function blank(message: MessageShape): Holder {
  const holder: Holder = {};
  for (const field of message.fields) {
    if (field.oneof !== undefined) holder[field.oneof] = undefined;
    else if (field.repeated) holder[field.property] = [];
    else if (field.shape.t === 'map') holder[field.property] = {};
    else holder[field.property] = undefined;
  }
  return holder;
}

/** Something that is not the default. Of a number and a text the walk asks no more than that. */
function leafValue({ repeated, shape }: Field): unknown {
  switch (shape.t) {
    case 'map':
      return { key: 'value' };
    case 'enum':
      return [...shape.values.keys()].find((value) => value !== 0);
    case 'scalar':
      return repeated ? 'x' : 1;
    case 'message':
      throw new Error('a message is no leaf');
    default:
      return shape satisfies never;
  }
}

import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';

/** Gives one leaf field of a definition another value, by its path. */
export function changeField(spec: DomainSpec, path: string, by: (value: unknown) => unknown): void {
  const segments = path.split('.');
  const last = segments.pop() ?? '';
  const holder = segments.reduce<Holder>((object, segment) => step(object, segment) as Holder, spec as unknown as Holder);
  const [, name = '', index] = /^(\w+)(?:\[(\d+)\])?$/.exec(last) ?? [];
  const target = index === undefined ? owner(holder, camel(name)) : (step(holder, name) as Holder);
  const key = index ?? camel(name);
  target[key] = by(target[key]);
}

type Holder = Record<string, unknown>;

function step(object: Holder, segment: string): unknown {
  const [, name = '', index] = /^(\w+)(?:\[(\d+)\])?$/.exec(segment) ?? [];
  const value = owner(object, camel(name))[camel(name)];
  return index === undefined ? value : (value as Holder)[index];
}

/** The object that has a property: the message itself, or the choice of one of its oneofs under the property's name. */
function owner(object: Holder, property: string): Holder {
  if (property in object) return object;
  const choice = Object.values(object).find(
    (value) => typeof value === 'object' && value !== null && '$case' in value && value.$case === property,
  ) as Holder;
  return {
    get [property]() {
      return choice['value'];
    },
    set [property](value: unknown) {
      choice['value'] = value;
    },
  };
}

const camel = (name: string): string => name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

import { UsageError } from '../usage-error.ts';

/** The value of one of the contract's enums by its word, such as `virtio`; what was not said is 0, its default. */
export function enumNamed<E extends Readonly<Record<string, number>>>(type: E, word: string | undefined): E[keyof E] {
  const name = word === undefined ? 'UNSPECIFIED' : word.toUpperCase().replaceAll('-', '_');
  const value = type[name];
  if (value === undefined) throw new UsageError(`${JSON.stringify(word)} is none of ${enumWords(type).join(', ')}`);
  return value as E[keyof E];
}

/** The words of an enum, as they are written on a command line. */
export const enumWords = (type: Readonly<Record<string, number>>): string[] =>
  Object.entries(type)
    .filter(([name, value]) => value > 0 && name !== 'UNRECOGNIZED')
    .map(([name]) => name.toLowerCase().replaceAll('_', '-'));

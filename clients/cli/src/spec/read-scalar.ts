import { type DescField, ScalarType } from '@bufbuild/protobuf';
import { isScalar, type Node as YamlNode, type Scalar } from 'yaml';
import { didYouMean } from '../nearest.ts';
import { UsageError } from '../usage-error.ts';
import { parseByteSize } from './byte-size.ts';
import type { JsonValue, Reading } from './reading.ts';
import { enumChoices, enumValueNamed } from './schema.ts';

/** What a single value has to be: a field's type without the list or map around it. */
export type ScalarKind =
  | { readonly kind: 'scalar'; readonly type: ScalarType; readonly bytes: boolean }
  | { readonly kind: 'enum'; readonly type: NonNullable<DescField['enum']> };

const kindOf = (node: YamlNode): string => {
  if (!isScalar(node)) return 'items' in node ? 'a list or mapping' : 'nothing';
  if (node.value === null) return 'nothing';
  const kind = { bigint: 'number', number: 'number', string: 'text', boolean: 'boolean' }[typeof node.value as string] ?? 'value';
  return `the ${kind} ${JSON.stringify(wordsOf(node)).slice(0, 80)}`;
};

/** A scalar as it was written. */
const wordsOf = (node: Scalar): string => node.source ?? String(node.value);

const ranges: Readonly<Partial<Record<ScalarType, readonly [bigint, bigint]>>> = {
  [ScalarType.INT32]: [-(2n ** 31n), 2n ** 31n - 1n],
  [ScalarType.UINT32]: [0n, 2n ** 32n - 1n],
  [ScalarType.INT64]: [-(2n ** 63n), 2n ** 63n - 1n],
  [ScalarType.UINT64]: [0n, 2n ** 64n - 1n],
};
const is64 = (type: ScalarType): boolean => type === ScalarType.INT64 || type === ScalarType.UINT64;

function readInteger(
  node: Scalar,
  kind: { readonly type: ScalarType; readonly bytes: boolean },
  path: string,
  reading: Reading,
): JsonValue | undefined {
  const asked = kind.bytes ? 'must be a whole number of bytes, or a size such as 256MiB or 1GiB' : 'must be a whole number';
  const value = integerOf(node, kind.bytes);
  if (value instanceof UsageError) return reading.refuse(node, path, value.message);
  if (value === undefined) return reading.refuse(node, path, `${asked}, not ${kindOf(node)}`);
  const [least, most] = ranges[kind.type] ?? [0n, 0n];
  if (value < least || value > most) return reading.refuse(node, path, `must be from ${least} to ${most}, not ${value}`);
  return is64(kind.type) ? value.toString() : Number(value);
}

function integerOf(node: Scalar, bytes: boolean): bigint | UsageError | undefined {
  if (typeof node.value === 'bigint') return node.value;
  if (typeof node.value !== 'string') return undefined;
  // JSON of the contract has 64-bit numbers as strings.
  if (/^-?\d{1,20}$/.test(node.value)) return BigInt(node.value);
  if (!bytes) return undefined;
  try {
    return parseByteSize(node.value);
  } catch (thrown) {
    if (thrown instanceof UsageError) return thrown;
    throw thrown;
  }
}

function readEnum(node: Scalar, type: NonNullable<DescField['enum']>, path: string, reading: Reading): JsonValue | undefined {
  const choices = enumChoices(type);
  if (typeof node.value !== 'string') return reading.refuse(node, path, `must be one of ${choices.join(', ')}, not ${kindOf(node)}`);
  const name = enumValueNamed(type, node.value);
  if (name !== undefined) return name;
  const hint = didYouMean(node.value, choices);
  return reading.refuse(node, path, `${JSON.stringify(node.value.slice(0, 80))} is none of ${choices.join(', ')}${hint}`);
}

/** Reads a value that is no list, mapping or message into JSON of the contract; notes what is wrong and answers undefined otherwise. */
export function readScalar(node: YamlNode, kind: ScalarKind, path: string, reading: Reading): JsonValue | undefined {
  if (!isScalar(node)) return reading.refuse(node, path, `must be a single value, not ${kindOf(node)}`);
  if (node.value === null) return reading.refuse(node, path, 'has no value: give it one, or leave the field out');
  if (kind.kind === 'enum') return readEnum(node, kind.type, path, reading);
  if (kind.type === ScalarType.STRING) {
    if (typeof node.value === 'string') return node.value;
    return reading.refuse(node, path, `must be a text, not ${kindOf(node)}: put it in quotes`);
  }
  if (kind.type === ScalarType.BOOL) {
    if (typeof node.value === 'boolean') return node.value;
    return reading.refuse(node, path, `must be true or false, not ${kindOf(node)}`);
  }
  if (kind.type in ranges) return readInteger(node, kind, path, reading);
  // The definition of a domain has no floats and no raw bytes; a contract that gets some needs a rule for how they are written.
  throw new Error(`fields of type ${ScalarType[kind.type]} cannot be written in a definition yet (${path})`);
}

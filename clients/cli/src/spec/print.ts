import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { binarySize } from './byte-size.ts';
import type { JsonObject, JsonValue } from './reading.ts';
import { isByteSize, shortEnumName } from './schema.ts';

/** A value as a person would write it in a definition; numbers of 64 bits are bigint. */
export type WrittenValue = string | number | bigint | boolean | WrittenValue[] | { [name: string]: WrittenValue };

/**
 * A message in the form in which people write it: the contract's names, short enum names, sizes with units, fields in
 * the contract's order. It takes the message's JSON, and what it answers reads back as the same message.
 */
export function writtenForm(json: JsonObject, type: DescMessage): { [name: string]: WrittenValue } {
  const written: { [name: string]: WrittenValue } = {};
  for (const field of type.fields) {
    const value = json[field.jsonName];
    if (value !== undefined) written[field.name] = fieldForm(value, field);
  }
  return written;
}

function fieldForm(value: JsonValue, field: DescField): WrittenValue {
  if (field.fieldKind === 'list') return Array.isArray(value) ? value.map((item) => singleForm(item, field)) : [];
  if (field.fieldKind === 'map')
    return isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, singleForm(item, field)])) : {};
  return singleForm(value, field);
}

function singleForm(value: JsonValue, field: DescField): WrittenValue {
  if (field.message !== undefined) return isObject(value) ? writtenForm(value, field.message) : {};
  if (field.enum !== undefined) return typeof value === 'string' ? shortEnumName(field.enum, value) : value;
  // 64-bit numbers are texts in JSON; a text field stays one, whatever it holds.
  if (typeof value === 'string' && isWide(field)) return (isByteSize(field) ? binarySize(BigInt(value)) : undefined) ?? BigInt(value);
  return value;
}

const isObject = (value: JsonValue): value is JsonObject => typeof value === 'object' && !Array.isArray(value);

const isWide = (field: DescField): boolean => field.scalar === ScalarType.INT64 || field.scalar === ScalarType.UINT64;

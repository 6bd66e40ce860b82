import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { Fault } from '@virtmesh/base';

const tagOf = (field: number): number => (field << 3) | WireType.LengthDelimited;

/** A string field of an encoded message, without decoding the rest; empty where it is absent. REQUEST_INVALID for what is no message. */
export function readStringField(message: Uint8Array, field: number): string {
  let value = '';
  try {
    const reader = new BinaryReader(message);
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag === tagOf(field)) value = reader.string();
      else reader.skip(tag & 7, tag >>> 3);
    }
  } catch (thrown) {
    throw new Fault(
      'REQUEST_INVALID',
      'the request is not a valid protobuf message of its type; check the version of the contract that the client has',
      {},
      { cause: thrown },
    );
  }
  return value;
}

/** The encoded message with another value of a string field: the last value of a field is the one that counts. */
export function withStringField(message: Uint8Array, field: number, value: string): Buffer {
  return Buffer.concat([message, new BinaryWriter().uint32(tagOf(field)).string(value).finish()]);
}

/** An encoded message, in pieces that make it whole when put one behind the other. */
export type Pieces = readonly Uint8Array[];

/** The encoded items of a repeated message field, then `rest`, in one piece of memory: lists are copied together, not encoded. */
export function encodeRepeated(field: number, items: readonly Pieces[], rest: Uint8Array): Buffer {
  const tag = (field << 3) | 2;
  if (tag > 0x7f) throw new RangeError(`field ${field} has a tag of more than one byte`);
  let size = rest.length;
  for (const pieces of items) {
    const length = lengthOf(pieces);
    size += 1 + varintSize(length) + length;
  }
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const pieces of items) {
    bytes[at++] = tag;
    let length = lengthOf(pieces);
    for (; length > 0x7f; length >>>= 7) bytes[at++] = (length & 0x7f) | 0x80;
    bytes[at++] = length;
    for (const piece of pieces) at = copy(piece, bytes, at);
  }
  bytes.set(rest, at);
  return bytes;
}

/** An encoded message as the value of a field of another one. */
export const encodeField = (field: number, message: Pieces): Buffer => encodeRepeated(field, [message], nothing);
const nothing = new Uint8Array();

/** `set` costs more than it copies where there is little to copy. */
const fewBytes = 32;

function copy(piece: Uint8Array, bytes: Buffer, start: number): number {
  const end = start + piece.length;
  if (piece.length > fewBytes) bytes.set(piece, start);
  else for (let at = start; at < end; at += 1) bytes[at] = piece[at - start] ?? 0;
  return end;
}

function lengthOf(pieces: Pieces): number {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  return length;
}

/** How many bytes a length takes. */
function varintSize(length: number): number {
  return length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x20_0000 ? 3 : length < 0x1000_0000 ? 4 : 5;
}

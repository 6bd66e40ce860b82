/** Bytes in parts of at most `size`; none where there are none. */
export function* chunksOf(bytes: Uint8Array, size: number): Generator<Buffer> {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < all.length; at += size) yield all.subarray(at, at + size);
}

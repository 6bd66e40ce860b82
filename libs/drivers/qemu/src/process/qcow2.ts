/** What the header of a qcow2 image says of other files. */
export interface Qcow2Header {
  /** As it is written in the image; undefined where there is none. */
  readonly backingFile: string | undefined;
  /** The format that the image records for its backing file; undefined where it records none. */
  readonly backingFormat: string | undefined;
  /** Its clusters are in another file. */
  readonly hasDataFile: boolean;
  readonly encrypted: boolean;
}

/** How much of an image has to be read: QEMU keeps the whole header within the first cluster, and names are at most 1023 bytes. */
export const qcow2HeaderBytes = 64 * 1024;

const magic = 0x514649fb;
const backingFormatExtension = 0xe2792aca;
const dataFileBit = 4n;

/** Reads the beginning of an image. Throws RangeError, with words, for what is not a qcow2 image of version 2 or 3. */
export function parseQcow2Header(start: Buffer): Qcow2Header {
  if (start.length < 72 || start.readUInt32BE(0) !== magic) throw new RangeError('it does not begin with the mark of a qcow2 image');
  const version = start.readUInt32BE(4);
  if (version !== 2 && version !== 3) throw new RangeError(`it is a qcow2 image of version ${version}; 2 and 3 are known`);
  if (version === 3 && start.length < 104) throw new RangeError('its header is cut off');
  const nameOffset = start.readBigUInt64BE(8);
  const nameLength = start.readUInt32BE(16);
  if (nameOffset !== 0n && (nameLength === 0 || nameLength > 1023 || nameOffset + BigInt(nameLength) > BigInt(start.length)))
    throw new RangeError('the name of its backing file lies outside its header');
  const backingFile = nameOffset === 0n ? undefined : start.toString('utf8', Number(nameOffset), Number(nameOffset) + nameLength);
  if (backingFile?.includes('\0')) throw new RangeError('the name of its backing file has a NUL in it');
  return {
    backingFile,
    backingFormat: extensionOf(start, version === 2 ? 72 : start.readUInt32BE(100), backingFormatExtension)?.toString('utf8'),
    hasDataFile: version === 3 && (start.readBigUInt64BE(72) & dataFileBit) !== 0n,
    encrypted: start.readUInt32BE(32) !== 0,
  };
}

function extensionOf(start: Buffer, from: number, wanted: number): Buffer | undefined {
  for (let at = from; at + 8 <= start.length;) {
    const type = start.readUInt32BE(at);
    const length = start.readUInt32BE(at + 4);
    if (type === 0) return undefined;
    if (at + 8 + length > start.length) throw new RangeError('a part of its header lies outside the header');
    if (type === wanted) return start.subarray(at + 8, at + 8 + length);
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return undefined;
}

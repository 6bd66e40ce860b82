import { readlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { Fault } from '@virtmesh/base';
import { SavedStateHeader } from '@virtmesh/contracts/agent/v1/saved_state';
import type { FileTarget, GuestFiles } from './guest-files.ts';
import type { PartialFile } from './partial-file.ts';

// The file of a saved state, numbers in network order:
//   8 bytes   the magic
//   4 bytes   the version of the format
//   4 bytes   the length of the header
//   8 bytes   the length of the driver's bytes; all ones while they are not complete
//   ...       the header, a SavedStateHeader
//   ...       the driver's bytes
const magic = Buffer.from('vmshsave');
const version = 1;
const preambleBytes = 24;
const lengthPosition = 16;
const incomplete = 0xffff_ffff_ffff_ffffn;
/** More than any definition has. */
const maxHeaderBytes = 16 * 1024 * 1024;

/** A saved state that can be read. */
export interface SavedStateFile {
  readonly header: SavedStateHeader;
  /** The file's true path. */
  readonly path: string;
  /** Where the driver's bytes begin. */
  readonly offset: number;
}

/** Writes what comes before the driver's bytes. */
export async function beginSavedState(file: PartialFile, header: SavedStateHeader): Promise<void> {
  const encoded = SavedStateHeader.encode(header).finish();
  const preamble = Buffer.alloc(preambleBytes);
  magic.copy(preamble);
  preamble.writeUInt32BE(version, 8);
  preamble.writeUInt32BE(encoded.length, 12);
  preamble.writeBigUInt64BE(incomplete, lengthPosition);
  await file.append(Buffer.concat([preamble, encoded]));
}

/** Notes that the driver's bytes are complete, which begin at `offset`. */
export async function endSavedState(file: PartialFile, offset: number): Promise<void> {
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(file.sizeBytes - offset));
  await file.overwrite(lengthPosition, length);
}

/** What a file says of the state in it; SAVED_STATE_INVALID where it is none that is whole. */
export async function readSavedState(files: GuestFiles, target: FileTarget): Promise<SavedStateFile> {
  const path = files.pathOf(target);
  await using file = await files.openSaved(target);
  const stat = await file.stat();
  if (!stat.isFile()) throw unusable(path, 'it is not a regular file');
  const preamble = await read(file, 0, preambleBytes);
  if (!preamble.subarray(0, magic.length).equals(magic) || preamble.length < preambleBytes)
    throw unusable(path, 'it is not the file of a saved state');
  const found = preamble.readUInt32BE(8);
  if (found !== version) throw unusable(path, `its format has the version ${found}, and this agent reads version ${version}`);
  const headerBytes = preamble.readUInt32BE(12);
  const offset = preambleBytes + headerBytes;
  if (headerBytes > maxHeaderBytes || BigInt(stat.size) !== BigInt(offset) + preamble.readBigUInt64BE(lengthPosition))
    throw unusable(path, 'it is cut short or changed: its size is not what it says');
  return { header: decoded(path, await read(file, preambleBytes, headerBytes)), path: await readlink(`/proc/self/fd/${file.fd}`), offset };
}

/** SAVED_STATE_INVALID, with what to do instead. */
export const unusable = (path: string, why: string, cause?: unknown): Fault =>
  new Fault('SAVED_STATE_INVALID', `the state in ${path} cannot be taken up: ${why}`, { path, why }, { cause });

async function read(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

function decoded(path: string, bytes: Buffer): SavedStateHeader {
  try {
    return SavedStateHeader.decode(bytes);
  } catch (thrown) {
    throw unusable(path, 'its header cannot be read', thrown);
  }
}

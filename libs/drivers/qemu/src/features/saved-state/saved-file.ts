import { Fault } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { type Host, type Json, type StartOrder, withoutDevice } from '@virtmesh/driver-spi';
import { decodeLayout, encodeLayout, type Layout, layoutOf } from '../../argv/layout.ts';

/**
 * What stands before QEMU's own bytes of a saved state: one line with the length of the JSON behind it, in which is what
 * a machine that takes up the state must have and no definition says.
 */
const firstLine = /^virtmesh-qemu-state 1 (\d{1,7})\n/;
const maxFirstLineBytes = 40;
const maxHeaderBytes = 1024 * 1024;

type Place = NonNullable<StartOrder['restore']>;

/** A saved state that a guest can inherit. */
export interface OpenState extends AsyncDisposable {
  /** Its position is the beginning of QEMU's bytes. */
  readonly fd: number;
}

/** What a machine that takes up a state must be. */
export interface SavedMachine {
  readonly layout: Layout;
  /** The devices of the definition which the machine had no more when it was saved. */
  readonly left: readonly string[];
}

export function stateHeader({ layout, left }: SavedMachine): Uint8Array {
  const json = Buffer.from(JSON.stringify({ layout: encodeLayout(layout), left }));
  return Buffer.concat([Buffer.from(`virtmesh-qemu-state 1 ${json.length}\n`), json]);
}

/** The definition of the saved machine, and where everything of it sat. SAVED_STATE_INVALID for what is no saved state, or not one of this definition. */
export async function savedMachine(
  host: Host,
  place: Place,
  given: DomainSpec,
): Promise<{ readonly spec: DomainSpec; readonly layout: Layout }> {
  const { layout, left } = await readHeader(host, place);
  const spec = left.reduce(withoutDevice, given);
  const lacking = Object.keys(layoutOf(spec).addresses).find((id) => !Object.hasOwn(layout.addresses, id));
  if (lacking !== undefined) throw invalid(place.path, `the definition has the device ${lacking}, which the saved machine has not`);
  return { spec, layout };
}

/** Opens a saved state for a guest to read it. */
export async function openSavedState(host: Host, place: Place): Promise<OpenState> {
  const { bytes } = await readHeader(host, place);
  const file = await host.files.open(place.path);
  try {
    return { fd: await file.descriptorAt(place.offset + bytes), [Symbol.asyncDispose]: () => file[Symbol.asyncDispose]() };
  } catch (thrown) {
    await file[Symbol.asyncDispose]();
    throw thrown;
  }
}

async function readHeader(host: Host, { path, offset }: Place): Promise<SavedMachine & { readonly bytes: number }> {
  await using file = await host.files.open(path).catch((thrown: unknown) => {
    throw invalid(path, thrown instanceof Error ? thrown.message : String(thrown));
  });
  const [line, length] = firstLine.exec((await file.read(offset, maxFirstLineBytes)).toString('latin1')) ?? [];
  if (line === undefined || Number(length) > maxHeaderBytes) throw invalid(path, 'it does not begin as the state of a QEMU guest does');
  const json = await file.read(offset + line.length, Number(length));
  return { ...machineIn(path, json), bytes: line.length + Number(length) };
}

function machineIn(path: string, bytes: Buffer): SavedMachine {
  // What an older version of the driver wrote says nothing of devices that were left.
  const { layout = null, left = [] } = objectIn(path, bytes);
  if (!Array.isArray(left) || !left.every((id) => typeof id === 'string')) throw invalid(path, 'the devices that it lacks make no sense');
  return { layout: decodeLayout(layout, (words) => invalid(path, words)), left };
}

function objectIn(path: string, bytes: Buffer): { readonly [key: string]: Json } {
  try {
    const json = JSON.parse(bytes.toString('utf8')) as Json;
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as { readonly [key: string]: Json }) : {};
  } catch (thrown) {
    throw invalid(path, `its beginning cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}

const invalid = (path: string, why: string): Fault =>
  new Fault('SAVED_STATE_INVALID', `${path} holds no saved state that can be taken up: ${why}`, { path, why });

import { Fault } from '@virtmesh/base';
import type { Json, ProcessIdentity, RuntimeRecord } from '@virtmesh/driver-spi';
import { decodeLayout, encodeLayout, type Layout } from '../argv/layout.ts';
import type { FileUse } from '../process/claims.ts';

/** What is kept of a guest so that another life of the agent can adopt or release it. */
export interface GuestRecord {
  /** The user that it runs as; undefined for the agent's own. */
  readonly user: number | undefined;
  readonly gid: number;
  readonly files: readonly FileUse[];
  readonly taps: readonly string[];
  /** Whether it has a control group. */
  readonly cgroup: boolean;
  /** Undefined before it was spawned, or where the agent died before it could be noted. */
  readonly process: ProcessIdentity | undefined;
  readonly keepers: readonly ProcessIdentity[];
  readonly paused: boolean;
  /** Whether the start came to its end. */
  readonly started: boolean;
  readonly accelerator: string;
  readonly ports: readonly number[];
  readonly cid: bigint | undefined;
  /** Where its devices sit; undefined for a guest that an older version of the driver started. */
  readonly layout: Layout | undefined;
  /** Whether it goes on from a saved state. */
  readonly restored: boolean;
  /** The devices that the guest was asked to let go of, and had not when the asking was given up. */
  readonly leaving: readonly string[];
}

const version = 1;

export function encodeRecord(record: GuestRecord): RuntimeRecord {
  return {
    version,
    user: record.user ?? null,
    gid: record.gid,
    files: record.files.map((file) => ({
      path: file.path,
      identity: file.identity,
      write: file.write,
      shareable: file.shareable,
      original: file.original ? { uid: file.original.uid, gid: file.original.gid, mode: file.original.mode } : null,
      device: file.device ?? null,
    })),
    taps: [...record.taps],
    cgroup: record.cgroup,
    process: record.process ? encodeProcess(record.process) : null,
    keepers: record.keepers.map(encodeProcess),
    paused: record.paused,
    started: record.started,
    accelerator: record.accelerator,
    ports: [...record.ports],
    cid: record.cid === undefined ? null : String(record.cid),
    layout: record.layout ? encodeLayout(record.layout) : null,
    restored: record.restored,
    leaving: [...record.leaving],
  };
}

const encodeProcess = (identity: ProcessIdentity): Json => ({ pid: identity.pid, startTicks: identity.startTicks });

/** RECORD_CORRUPT for what is not a record of this driver, or of a later version of it. */
export function decodeRecord(json: RuntimeRecord): GuestRecord {
  if (json['version'] !== version) throw corrupt(`its version is ${JSON.stringify(json['version'])}, and ${version} is known`);
  const cid = json['cid'];
  return {
    user: json['user'] === null ? undefined : number(json, 'user'),
    gid: number(json, 'gid'),
    files: list(json, 'files').map(decodeFile),
    taps: list(json, 'taps').map(String),
    cgroup: json['cgroup'] === true,
    process: json['process'] ? decodeProcess(json['process']) : undefined,
    keepers: list(json, 'keepers').map(decodeProcess),
    paused: json['paused'] === true,
    started: json['started'] === true,
    accelerator: text(json, 'accelerator'),
    ports: list(json, 'ports').map(Number),
    cid: typeof cid === 'string' ? BigInt(cid) : undefined,
    layout: json['layout'] ? decodeLayout(json['layout'], corrupt) : undefined,
    restored: json['restored'] === true,
    leaving: json['leaving'] === undefined ? [] : list(json, 'leaving').map(String),
  };
}

function decodeFile(json: Json): FileUse {
  const file = object(json, 'a file');
  const original = file['original'] ? object(file['original'], 'the owner of a file') : undefined;
  return {
    path: text(file, 'path'),
    identity: text(file, 'identity'),
    write: file['write'] === true,
    shareable: file['shareable'] === true,
    device: typeof file['device'] === 'string' ? file['device'] : undefined,
    original: original && { uid: number(original, 'uid'), gid: number(original, 'gid'), mode: number(original, 'mode') },
  };
}

function decodeProcess(json: Json): ProcessIdentity {
  const identity = object(json, 'a process');
  return { pid: number(identity, 'pid'), startTicks: text(identity, 'startTicks') };
}

function object(json: Json, what: string): { readonly [key: string]: Json } {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw corrupt(`${what} in it is not an object`);
  return json as { readonly [key: string]: Json };
}

function list(json: { readonly [key: string]: Json }, key: string): readonly Json[] {
  const value = json[key];
  if (!Array.isArray(value)) throw corrupt(`${key} in it is not a list`);
  return value as readonly Json[];
}

function number(json: { readonly [key: string]: Json }, key: string): number {
  const value = json[key];
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw corrupt(`${key} in it is not a number`);
  return value;
}

function text(json: { readonly [key: string]: Json }, key: string): string {
  const value = json[key];
  if (typeof value !== 'string') throw corrupt(`${key} in it is not a text`);
  return value;
}

const corrupt = (words: string): Fault => new Fault('RECORD_CORRUPT', `the record of a running guest cannot be read: ${words}`, { words });

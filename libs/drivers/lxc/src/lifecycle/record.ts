import { Fault } from '@virtmesh/base';
import type { Json, ProcessIdentity, RuntimeRecord } from '@virtmesh/driver-spi';

/** What is kept of a guest so that another life of the agent can adopt or release it. */
export interface GuestRecord {
  /** Undefined before it was spawned, or where the agent died before it could be noted. */
  readonly monitor: ProcessIdentity | undefined;
  /** The processes that keep the consoles beyond the first. */
  readonly keepers: readonly ProcessIdentity[];
  /** The node's ends of its interfaces. */
  readonly interfaces: readonly string[];
  /** Whether the start came to its end. */
  readonly started: boolean;
}

const version = 1;

export const encodeRecord = ({ monitor, keepers, interfaces, started }: GuestRecord): RuntimeRecord => ({
  version,
  monitor: monitor ? encodeProcess(monitor) : null,
  keepers: keepers.map(encodeProcess),
  interfaces: [...interfaces],
  started,
});

const encodeProcess = ({ pid, startTicks }: ProcessIdentity): Json => ({ pid, startTicks });

/** RECORD_CORRUPT for what is not a record of this driver, or of a later version of it. */
export function decodeRecord(json: RuntimeRecord): GuestRecord {
  if (json['version'] !== version) throw corrupt(`its version is ${JSON.stringify(json['version'])}, and ${version} is known`);
  const { monitor, keepers, interfaces } = json;
  if (!Array.isArray(keepers)) throw corrupt('keepers in it is not a list');
  if (!Array.isArray(interfaces)) throw corrupt('interfaces in it is not a list');
  return {
    monitor: monitor ? decodeProcess(monitor) : undefined,
    keepers: (keepers as readonly Json[]).map(decodeProcess),
    interfaces: (interfaces as readonly Json[]).map(String),
    started: json['started'] === true,
  };
}

function decodeProcess(json: Json): ProcessIdentity {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw corrupt('a process in it is not an object');
  const { pid, startTicks } = json as { readonly [key: string]: Json };
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) throw corrupt('pid in it is not a process id');
  if (typeof startTicks !== 'string') throw corrupt('startTicks in it is not a text');
  return { pid, startTicks };
}

const corrupt = (words: string): Fault =>
  new Fault('RECORD_CORRUPT', `the record of a running container cannot be read: ${words}`, { words });

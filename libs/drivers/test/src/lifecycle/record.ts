import { Fault } from '@virtmesh/base';
import type { RuntimeRecord } from '@virtmesh/driver-spi';

const version = 1;

/** What is kept of a guest: in which life of the simulator it was made. */
export interface GuestRecord {
  readonly instance: string;
}

export const encodeRecord = ({ instance }: GuestRecord): RuntimeRecord => ({ version, instance });

/** RECORD_CORRUPT for what is not a record of this driver, or of a later version of it. */
export function decodeRecord(json: RuntimeRecord): GuestRecord {
  const { instance } = json;
  if (json['version'] === version && typeof instance === 'string') return { instance };
  const words = `it has version ${JSON.stringify(json['version'] ?? null)} and instance ${JSON.stringify(instance ?? null)}`;
  throw new Fault('RECORD_CORRUPT', `the record of a running guest cannot be read: ${words}`, { words });
}

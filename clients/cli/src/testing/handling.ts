import type { Fault } from '@virtmesh/base';
import { Any } from '@virtmesh/contracts/google/protobuf/any';
import type { Duration } from '@virtmesh/contracts/google/protobuf/duration';

/** How long a request waits for the end of its operation. */
export const waitMs = (wait: Duration | undefined): number => (wait ? Number(wait.seconds) * 1000 + wait.nanos / 1e6 : 10_000);

/** Throws where an expression is wanted. */
export function raise(fault: Fault): never {
  throw fault;
}

/** What an operation answers, packed. */
export const packed = (type: string, bytes: Uint8Array): Any =>
  Any.fromPartial({ typeUrl: `type.googleapis.com/${type}`, value: Buffer.from(bytes) });

import type { Metadata, ServerUnaryCall } from '@grpc/grpc-js';
import type { Logger } from '../log.ts';
import type { Caller } from '../auth/caller.ts';

/** What a handler knows of the call that it serves. */
export interface CallContext {
  readonly caller: Caller;
  /** `virtmesh.domain.v1.DomainService/GetDomain` */
  readonly method: string;
  /** Names this call in the logs of every service that takes part in it. */
  readonly callId: string;
  /** W3C trace context, as it came. */
  readonly traceparent: string | undefined;
  /** Aborted with a Fault when the caller cancels, its deadline passes, or the server must end the call. */
  readonly signal: AbortSignal;
  readonly deadline: Date | undefined;
  /** A logger whose lines carry call id, method and caller. */
  readonly log: Logger;
  /** What the caller sent beside the request. */
  readonly metadata: Metadata;
}

/** What every kind of call of grpc-js has at a server. */
export type ServerCall = Pick<ServerUnaryCall<unknown, unknown>, 'metadata' | 'cancelled' | 'getDeadline' | 'getAuthContext'> & {
  once(event: 'cancelled', listener: () => void): unknown;
};

/** The metadata keys of virtmesh and of W3C trace context. */
export const metadataKeys = {
  callId: 'x-virtmesh-call-id',
  identity: 'x-virtmesh-identity',
  role: 'x-virtmesh-role',
  traceparent: 'traceparent',
} as const;

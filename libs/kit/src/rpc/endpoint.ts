import { isIP } from 'node:net';
import type { Role } from '../auth/caller.ts';
import type { Policy } from '../auth/policy.ts';

/** A unix socket. Its file's permissions decide who connects, and `role` what they may do. */
export interface UnixEndpoint {
  readonly kind: 'unix';
  readonly path: string;
  /** The socket file's permissions, such as 0o660. */
  readonly mode: number;
  /** The group that the file is given to, if the system has it. */
  readonly group?: string;
  readonly role: Role;
  /** Whether callers on this socket may speak for others, as services do. */
  readonly acceptForwarded?: boolean;
}

/** TCP with mTLS: who connects is who the certificate says. */
export interface TlsEndpoint {
  readonly kind: 'tls';
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** Paths of PEM files; they are read again when they change. */
  readonly cert: string;
  readonly key: string;
  /** The authority that client certificates must be signed by. */
  readonly ca: string;
  readonly policy: Policy;
}

/** TCP in clear text, on loopback only. */
export interface TcpEndpoint {
  readonly kind: 'tcp';
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly role: Role;
  readonly acceptForwarded?: boolean;
}

export type Endpoint = UnixEndpoint | TlsEndpoint | TcpEndpoint;

/** `unix:///run/virtmesh/agent.sock`, `tls://host:port` or `tcp://host:port`, as clients write it. */
export function endpointUri(endpoint: Endpoint, port: number): string {
  if (endpoint.kind === 'unix') return `unix://${endpoint.path}`;
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return `${endpoint.kind}://${host}:${port}`;
}

/** Whether a host is this one, so that nothing sent there leaves it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

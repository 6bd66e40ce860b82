import type { ChannelCredentials } from '@grpc/grpc-js';
import type { CertificateLog } from '@virtmesh/kit/client';
import type { Target } from '../target.ts';

/** What a transport may look at. */
export interface TransportContext {
  /** The address as the user wrote it, for messages. */
  readonly uri: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: CertificateLog;
}

/** How to reach a server. */
export interface Route {
  /** As grpc-js takes it. */
  readonly address: string;
  readonly credentials: ChannelCredentials;
  /** Why the server may be out of reach, as far as can be seen from here; asked after a connection failed. */
  explain(): Promise<string | undefined>;
}

/** One way to reach servers. */
export interface Transport<K extends Target['kind'] = Target['kind']> {
  readonly kind: K;
  route(target: Extract<Target, { kind: K }>, context: TransportContext): Route;
}

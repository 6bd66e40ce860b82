import { credentials } from '@grpc/grpc-js';
import { isLoopback } from '@virtmesh/kit/client';
import { invalid } from '../target.ts';
import { hostPort } from './host-port.ts';
import type { Transport } from './transport.ts';

/** Clear text, for loopback only: whoever can listen on the way could read and change all. */
export const tcp: Transport<'tcp'> = {
  kind: 'tcp',
  route(target, { uri }) {
    if (!isLoopback(target.host)) throw invalid(uri, 'tcp:// is clear text and goes to this host only; use tls://');
    return { address: hostPort(target), credentials: credentials.createInsecure(), explain: () => Promise.resolve(undefined) };
  },
};

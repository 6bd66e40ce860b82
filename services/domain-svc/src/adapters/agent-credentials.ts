import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import { Fault } from '@virtmesh/base';
import { type Logger, tlsChannelCredentials } from '@virtmesh/kit';
import type { DomainServiceConfig } from '../config.ts';

/** How this service connects to agents: by certificate over TCP, by the socket's permissions on this host. */
export function agentCredentials(config: DomainServiceConfig, log: Logger): (node: string, address: string) => ChannelCredentials {
  const files = config.agents ?? config.tls;
  return (node, address) => {
    if (address.startsWith('unix:')) return credentials.createInsecure();
    if (!files)
      throw new Fault(
        'HOST_INCOMPATIBLE',
        `node ${node} answers at ${address} by TLS, and this service has no certificate; set agents.cert, agents.key and agents.ca`,
        { node, address },
      );
    return tlsChannelCredentials({ cert: files.cert, key: files.key, ca: files.ca, serverIdentity: `virtmesh://node/${node}`, log });
  };
}

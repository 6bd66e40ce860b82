// What callers need, without what servers do: configuration, logs, metrics and their libraries take most of the time to load,
// which a command line feels. The whole of it is in index.ts too.
export { type Identity, parseIdentity } from './auth/identity.ts';
export { type CertificateLog, tlsChannelCredentials, type TlsClientOptions } from './auth/tls-files.ts';
export { type ChannelSettings, openChannel } from './rpc/channel.ts';
export { type CallOptions, type Client, type ClientSettings, createClient } from './rpc/client.ts';
export { isLoopback } from './rpc/endpoint.ts';
export type { ServiceDefinition } from './rpc/method.ts';
export { faultFromStatus, peerStatus } from './status.ts';

export { type Caller, includesRole, isRole, type Role, roles, strongerRole, weakerRole } from './auth/caller.ts';
export { forwardMetadata, forwardOptions, traceMetadata } from './auth/forward.ts';
export { identitiesOf, type Identity, parseIdentity } from './auth/identity.ts';
export { domainRoles, type MethodRoles, nodeRoles, operationRoles } from './auth/method-roles.ts';
export { type Policy, type RoleBinding, roleOf } from './auth/policy.ts';
export { tlsChannelCredentials, type TlsClientOptions, type TlsFiles, tlsServerCredentials } from './auth/tls-files.ts';
export { type ConfigSources, loadConfig } from './config/load.ts';
export { didYouMean, suggest } from './config/suggest.ts';
export { Failpoints } from './failpoints.ts';
export { Health } from './health.ts';
export { createLogger, type Logger, type LogLevel, logLevels, type LogOptions, silentLogger } from './log.ts';
export { addCounter, addGauge, type GaugeOptions } from './instruments.ts';
export { MetricsServer, type MetricsServerOptions } from './metrics-server.ts';
export { createMetrics, type Metrics, type MetricsOptions } from './metrics.ts';
export { checkDuration, durationFromMs, type DurationRule, durationToMs } from './request/duration.ts';
export { checkEnum } from './request/enum-value.ts';
export { type Page, type PageRequest, pageSize, paginate } from './request/page.ts';
export { checkRequestId } from './request/request-id.ts';
export { waitMs, type WaitRule } from './request/wait.ts';
export { type ChannelSettings, openChannel } from './rpc/channel.ts';
export { type CallOptions, type Client, type ClientSettings, createClient } from './rpc/client.ts';
export { type CallContext, metadataKeys } from './rpc/context.ts';
export { AnswerCache } from './rpc/answer-cache.ts';
export { encodeField, encodeRepeated, type Pieces } from './rpc/encoded-fields.ts';
export { type Endpoint, isLoopback, type TcpEndpoint, type TlsEndpoint, type UnixEndpoint } from './rpc/endpoint.ts';
export type { BidiHandler, Handlers, MethodDefinition, ServerStreamHandler, ServiceDefinition, UnaryHandler } from './rpc/method.ts';
export { RpcServer, type RpcServerOptions, type ServerLimits } from './rpc/server.ts';
export { type Audience, defineService, type ServiceBinding, type ServiceOptions } from './rpc/service.ts';
export {
  type BaseConfig,
  type RunningService,
  runService,
  serviceNodeEnvironment,
  serviceNodeFlags,
  type ServiceProgram,
  type ServiceContext,
} from './run-service.ts';
export {
  codeName,
  errorDomain,
  faultFromServiceError,
  faultFromStatus,
  PeerStatus,
  peerStatus,
  serviceErrorFromFault,
  statusFromFault,
} from './status.ts';

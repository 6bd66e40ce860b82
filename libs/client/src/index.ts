export { connect, type Connection, type ConnectOptions, type Scope } from './connect.ts';
export { defaultTarget, type DefaultTargetOptions, localSockets } from './default-target.ts';
export { isDone, type OperationResult, resultOf } from './operation-result.ts';
export { defaultRetry, isTransient, type RetryPolicy } from './retry.ts';
export { parseTarget, type Target } from './target.ts';
export { pkiDirectory } from './transports/tls.ts';
export type { WaitOperationOptions } from './wait-operation.ts';
export type { DomainChange, WatchDomainsOptions } from './watch-domains.ts';

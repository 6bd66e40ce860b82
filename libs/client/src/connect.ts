import { type Channel, connectivityState } from '@grpc/grpc-js';
import { Fault } from '@virtmesh/base';
import { DomainServiceService } from '@virtmesh/contracts/domain/v1/domain_service';
import { HealthCheckRequest, HealthService } from '@virtmesh/contracts/grpc/health/v1/health';
import { NodeServiceService } from '@virtmesh/contracts/node/v1/node_service';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { OperationServiceService } from '@virtmesh/contracts/operation/v1/operation_service';
import { type CertificateLog, type Client, createClient, openChannel, peerStatus, type ServiceDefinition } from '@virtmesh/kit/client';
import { defaultTarget } from './default-target.ts';
import { type FacadeOptions, withRetries } from './facade.ts';
import type { OperationResult } from './operation-result.ts';
import { defaultRetry, type RetryPolicy } from './retry.ts';
import { parseTarget, type Target } from './target.ts';
import { tcp } from './transports/tcp.ts';
import { tls } from './transports/tls.ts';
import type { Route, TransportContext } from './transports/transport.ts';
import { unix } from './transports/unix.ts';
import { waitOperation, type WaitOperationOptions } from './wait-operation.ts';
import { type DomainChange, watchDomains, type WatchDomainsOptions } from './watch-domains.ts';

export interface ConnectOptions {
  /** Ends the attempt to connect. */
  readonly signal?: AbortSignal;
  /** How long the attempt may take; 10 s if left out. */
  readonly connectTimeoutMs?: number;
  /** The deadline of a unary call that names none; 60 s if left out. */
  readonly timeoutMs?: number;
  readonly retry?: RetryPolicy;
  /** Those of the process if left out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Told when certificates are replaced while the connection lives; nobody if left out. */
  readonly log?: CertificateLog;
}

const silent: CertificateLog = { info: () => undefined, warn: () => undefined };

/** Whether the server speaks for one node or for the fleet. */
export type Scope = 'node' | 'fleet';

/** A connection to an agent or to the control plane; both are used alike. */
export interface Connection extends AsyncDisposable {
  /** The address as it was given, or as the default was found. */
  readonly uri: string;
  readonly domains: Client<typeof DomainServiceService>;
  readonly nodes: Client<typeof NodeServiceService>;
  readonly operations: Client<typeof OperationServiceService>;
  scope(): Scope;
  /** Waits for an operation's end and answers its result, or throws its Fault. */
  waitOperation(operation: Operation, options?: WaitOperationOptions): Promise<OperationResult>;
  /** Follows domains without a hole, over lost connections. */
  watchDomains(options: WatchDomainsOptions, signal: AbortSignal): AsyncIterable<DomainChange>;
  close(): void;
}

/**
 * Connects to a server and makes sure that it is there. Without a URI: VIRTMESH_URI, else the sockets of this host.
 * URI_INVALID if the address cannot be understood, SERVER_UNREACHABLE with the reason if nobody is there,
 * DEADLINE_EXCEEDED with what was waited for if whoever is there says nothing.
 */
export async function connect(uri?: string, options: ConnectOptions = {}): Promise<Connection> {
  const env = options.env ?? process.env;
  const address = uri ?? defaultTarget({ env });
  const route = routeTo(parseTarget(address), { uri: address, env, log: options.log ?? silent });
  const channel = openChannel(route.address, { credentials: route.credentials });
  const explain = (fault: Fault): Promise<Fault> => explained(fault, address, route);
  try {
    const scope = await scopeOf(channel, options, address);
    return connection(address, channel, scope, { retry: options.retry ?? defaultRetry, timeoutMs: options.timeoutMs ?? 60_000, explain });
  } catch (thrown) {
    channel.close();
    throw await explain(Fault.from(thrown));
  }
}

function connection(uri: string, channel: Channel, scope: Scope, facade: FacadeOptions): Connection {
  const client = <D extends ServiceDefinition>(definition: D): Client<D> =>
    withRetries(definition, createClient(definition, channel), facade);
  const domains = client(DomainServiceService);
  const operations = client(OperationServiceService);
  return {
    uri,
    domains,
    nodes: client(NodeServiceService),
    operations,
    scope: () => scope,
    waitOperation: (operation, options) => waitOperation(operations, operation, options),
    watchDomains: (options, signal) => watchDomains(domains, options, signal),
    close: () => channel.close(),
    [Symbol.asyncDispose]: () => Promise.resolve(channel.close()),
  };
}

function routeTo(target: Target, context: TransportContext): Route {
  switch (target.kind) {
    case 'unix':
      return unix.route(target, context);
    case 'tcp':
      return tcp.route(target, context);
    case 'tls':
      return tls.route(target, context);
    default:
      return target satisfies never;
  }
}

/** Only agents serve their journal. The question also shows that the server is there and lets this client in. */
async function scopeOf(channel: Channel, options: ConnectOptions, address: string): Promise<Scope> {
  const timeoutMs = options.connectTimeoutMs ?? 10_000;
  const health = createClient(HealthService, channel);
  try {
    await health.check(HealthCheckRequest.fromPartial({ service: 'virtmesh.agent.v1.JournalService' }), {
      timeoutMs,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    return 'node';
  } catch (thrown) {
    // A router in front of the services may have no health of its own.
    if (Fault.is(thrown, 'SERVICE_NOT_FOUND', 'FEATURE_UNSUPPORTED')) return 'fleet';
    if (Fault.is(thrown, 'DEADLINE_EXCEEDED')) throw silence(thrown, channel, address, timeoutMs);
    throw thrown;
  }
}

/** The failure of a server that has the connection, or the attempt at one, and says nothing. */
function silence(fault: Fault, channel: Channel, address: string, timeoutMs: number): Fault {
  const connected = channel.getConnectivityState(false) === connectivityState.READY;
  const waitedFor = connected ? 'its answer to grpc.health.v1.Health/Check' : 'the first words of its HTTP/2 connection';
  const why = connected
    ? 'it hangs or is overloaded'
    : 'it hangs, something else listens there, or what is sent there gets lost on the way';
  return new Fault(
    'DEADLINE_EXCEEDED',
    `the server at ${address} did not answer: waited ${timeoutMs / 1000} s for ${waitedFor}; ${why}: look at its process and its log, and restart it if it does not recover`,
    { ...fault.metadata, address, waited_for: waitedFor, waited_ms: String(timeoutMs) },
    { cause: fault.cause },
  );
}

/** A connection's failure, with the address and the cause as far as it can be seen from here. */
async function explained(fault: Fault, uri: string, route: Route): Promise<Fault> {
  if (fault.reason !== 'SERVER_UNREACHABLE' || fault.metadata['address'] !== undefined) return fault;
  const why = (await route.explain()) ?? peerStatus(fault)?.message ?? fault.message;
  return new Fault(
    'SERVER_UNREACHABLE',
    `no connection to ${uri}: ${why}`,
    { ...fault.metadata, address: uri, why },
    { cause: fault.cause },
  );
}

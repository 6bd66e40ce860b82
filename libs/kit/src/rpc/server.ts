import { isIP } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { Fault } from '@virtmesh/base';
import { descriptorSet } from '@virtmesh/contracts';
import { authenticateLocal, authenticateTls } from '../auth/authenticate.ts';
import { tlsServerCredentials } from '../auth/tls-files.ts';
import { Health } from '../health.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { reflection } from '../reflection.ts';
import { type Authenticate, CallTable } from './call-table.ts';
import { quietGrpc } from './quiet-grpc.ts';
import { type Endpoint, endpointUri, isLoopback } from './endpoint.ts';
import { serveMethod } from './serve.ts';
import type { ServiceBinding } from './service.ts';
import { prepareSocket } from './unix-socket.ts';

/** What a server takes on at most. */
export interface ServerLimits {
  /** The largest request message; 4 MiB if left out. */
  readonly maxReceiveBytes?: number;
  /** Calls and streams under way at once over all connections; 4096 if left out. */
  readonly maxCalls?: number;
  /** Calls and streams under way at once on one connection; 1024 if left out. */
  readonly maxStreamsPerConnection?: number;
  /** How often a quiet connection is asked for a sign of life; 30 s if left out. */
  readonly keepaliveMs?: number;
}

export interface RpcServerOptions {
  readonly endpoints: readonly Endpoint[];
  readonly services: readonly ServiceBinding[];
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly limits?: ServerLimits;
  /** What it says of its services' health; its own if left out, with all serving. */
  readonly health?: Health;
}

interface Listener {
  readonly server: Server;
  readonly uri: string;
  /** Takes what is left of the endpoint off the host. */
  readonly remove: () => Promise<void>;
}

/** Serves services at several endpoints. The endpoint by which a call comes decides how its caller is known. */
export class RpcServer implements AsyncDisposable {
  /** What grpc.health.v1 answers. */
  readonly health: Health;
  readonly #calls: CallTable;
  readonly #listeners: readonly Listener[];
  readonly #log: Logger;
  #closed: Promise<void> | undefined;

  private constructor(calls: CallTable, listeners: readonly Listener[], log: Logger, health: Health) {
    this.health = health;
    this.#calls = calls;
    this.#listeners = listeners;
    this.#log = log;
  }

  /** Listens at all endpoints, or at none: RESOURCE_IN_USE if one is taken, HOST_INCOMPATIBLE if the host refuses it. */
  static async start(options: RpcServerOptions): Promise<RpcServer> {
    quietGrpc();
    const calls = new CallTable({ log: options.log, metrics: options.metrics.rpc, maxCalls: options.limits?.maxCalls ?? 4096 });
    const health = options.health ?? new Health();
    const services = withStandardServices(options.services, health);
    const listeners: Listener[] = [];
    try {
      for (const endpoint of options.endpoints) listeners.push(await listen(endpoint, { ...options, services }, calls));
    } catch (thrown) {
      for (const listener of listeners) {
        listener.server.forceShutdown();
        await listener.remove();
      }
      throw thrown;
    }
    return new RpcServer(calls, listeners, options.log, health);
  }

  /** Where it listens, as clients write it: `unix:///path`, `tls://host:port`, `tcp://host:port`. */
  get addresses(): readonly string[] {
    return this.#listeners.map((listener) => listener.uri);
  }

  /** Calls and streams under way. */
  get callsUnderWay(): number {
    return this.#calls.size;
  }

  /**
   * Stops to listen and lets the calls end. Streams get SHUTTING_DOWN after `streamsMs`, since most never end by
   * themselves; what is left at the deadline gets it too. Idempotent.
   */
  drain(deadlineMs: number, streamsMs: number = Math.min(deadlineMs, 1000)): Promise<void> {
    this.#closed ??= this.#drain(deadlineMs, streamsMs);
    return this.#closed;
  }

  /** Ends all calls at once. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.drain(0);
  }

  async #drain(deadlineMs: number, streamsMs: number): Promise<void> {
    this.health.shutdown();
    const streamsTimer = setTimeout(() => this.#calls.terminate('streams'), streamsMs);
    const allTimer = setTimeout(() => this.#calls.terminate('all'), deadlineMs);
    const stopped = this.#listeners.map((listener) => new Promise<void>((resolve) => listener.server.tryShutdown(() => resolve())));
    await Promise.all(this.#listeners.map((listener) => listener.remove()));
    await this.#calls.close();
    clearTimeout(streamsTimer);
    clearTimeout(allTimer);
    // The last answers are on their way; a peer that does not read them is not waited for.
    const forced = setTimeout(() => {
      this.#log.info('connections did not close in time and are cut');
      for (const listener of this.#listeners) listener.server.forceShutdown();
    }, flushMs);
    await Promise.all(stopped);
    clearTimeout(forced);
  }
}

const flushMs = 500;

/** Every server has health and reflection beside its own services. */
function withStandardServices(services: readonly ServiceBinding[], health: Health): ServiceBinding[] {
  for (const { name } of services) if (health.isServing(name) === undefined) health.set(name, true);
  const own = [...services, health.binding];
  return [
    ...own,
    ...reflection(
      descriptorSet,
      own.map((service) => service.name),
    ),
  ];
}

async function listen(endpoint: Endpoint, options: RpcServerOptions, calls: CallTable): Promise<Listener> {
  const server = new Server({
    'grpc.max_receive_message_length': options.limits?.maxReceiveBytes ?? 4 * 1024 * 1024,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': options.limits?.maxStreamsPerConnection ?? 1024,
    'grpc.keepalive_time_ms': options.limits?.keepaliveMs ?? 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    // Without channelz grpc-js 1.14 does not know its connections, and forceShutdown leaves them open.
    'grpc.enable_channelz': 1,
  });
  const authenticate = authenticateAt(endpoint);
  for (const service of options.services) {
    for (const method of service.methods) serveMethod(server, method, calls, authenticate);
  }
  try {
    switch (endpoint.kind) {
      case 'unix':
        return await listenUnix(server, endpoint, options.log);
      case 'tls':
        return await listenTls(server, endpoint, options.log);
      case 'tcp':
        return await listenTcp(server, endpoint);
      default:
        return endpoint satisfies never;
    }
  } catch (thrown) {
    server.forceShutdown();
    throw thrown;
  }
}

function authenticateAt(endpoint: Endpoint): Authenticate {
  return endpoint.kind === 'tls' ? authenticateTls(endpoint.policy) : authenticateLocal(endpoint.role, endpoint.acceptForwarded ?? false);
}

async function listenUnix(server: Server, endpoint: Extract<Endpoint, { kind: 'unix' }>, log: Logger): Promise<Listener> {
  await using place = await prepareSocket(endpoint, log);
  await bind(server, `unix:${place.temporaryPath}`, ServerCredentials.createInsecure(), endpoint);
  await place.publish();
  return { server, uri: endpointUri(endpoint, 0), remove: () => place.withdraw() };
}

async function listenTls(server: Server, endpoint: Extract<Endpoint, { kind: 'tls' }>, log: Logger): Promise<Listener> {
  const credentials = tlsServerCredentials(endpoint, log);
  const port = await bind(server, hostPort(endpoint), credentials, endpoint);
  return { server, uri: endpointUri(endpoint, port), remove: () => Promise.resolve() };
}

async function listenTcp(server: Server, endpoint: Extract<Endpoint, { kind: 'tcp' }>): Promise<Listener> {
  if (!isLoopback(endpoint.host)) {
    throw new Fault('HOST_INCOMPATIBLE', `clear text is served on loopback only, not on ${endpoint.host}; use TLS`, {
      host: endpoint.host,
    });
  }
  const port = await bind(server, hostPort(endpoint), ServerCredentials.createInsecure(), endpoint);
  return { server, uri: endpointUri(endpoint, port), remove: () => Promise.resolve() };
}

function hostPort(endpoint: { readonly host: string; readonly port: number }): string {
  return isIP(endpoint.host) === 6 ? `[${endpoint.host}]:${endpoint.port}` : `${endpoint.host}:${endpoint.port}`;
}

function bind(server: Server, address: string, credentials: ServerCredentials, endpoint: Endpoint): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error === null) return resolve(port);
      const uri = endpoint.kind === 'unix' ? endpoint.path : endpointUri(endpoint, endpoint.port);
      reject(bindFault(uri, error));
    });
  });
}

function bindFault(uri: string, error: Error): Fault {
  if (error.message.includes('EADDRINUSE'))
    return new Fault(
      'RESOURCE_IN_USE',
      `${uri} is taken by another process; stop it or choose another port`,
      { address: uri },
      { cause: error },
    );
  const advice = error.message.includes('EACCES')
    ? 'ports below 1024 need privileges; choose a higher one'
    : 'choose an address of this host';
  return new Fault('HOST_INCOMPATIBLE', `${uri} cannot be listened on: ${error.message}; ${advice}`, { address: uri }, { cause: error });
}

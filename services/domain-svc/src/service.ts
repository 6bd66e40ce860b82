import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Endpoint, Health, RpcServer, type RunningService, type ServiceContext } from '@virtmesh/kit';
import type { DomainServiceConfig } from './config.ts';
import { domainControlContext } from './context.ts';
import { domainService } from './rpc/domain-service.ts';
import { nodeService } from './rpc/node-service.ts';
import { operationService } from './rpc/operation-service.ts';

/** The health service's name for the connection to NATS: without it calls and lists go on, and events come later. */
const natsHealth = 'nats';

/** The control plane's service of domains: router, index, relay and watches over the agents of all nodes. */
export class DomainControl implements RunningService {
  readonly #resources: AsyncDisposableStack;
  readonly #server: RpcServer;

  private constructor(resources: AsyncDisposableStack, server: RpcServer) {
    this.#resources = resources;
    this.#server = server;
  }

  /** Begins to connect to NATS and the agents, and serves; none of them needs to be there. */
  static async start({ config, log, metrics }: ServiceContext<DomainServiceConfig>): Promise<DomainControl> {
    await using resources = new AsyncDisposableStack();
    const context = domainControlContext({ config, log, metrics });
    resources.use(context.bus);
    const stop = new AbortController();
    const running = context.run(stop.signal).catch((thrown: unknown) => {
      log.fatal({ err: thrown }, 'what runs beside the calls failed');
      throw thrown;
    });
    resources.defer(async () => {
      stop.abort();
      await running;
    });
    const health = new Health();
    context.bus.onStatus((status) => health.set(natsHealth, status.t === 'connected'));
    const endpoints = endpointsOf(config);
    for (const endpoint of endpoints) if (endpoint.kind === 'unix') await mkdir(dirname(endpoint.path), { recursive: true, mode: 0o755 });
    const server = await RpcServer.start({
      endpoints,
      services: [domainService(context), nodeService(context), operationService(context)],
      log,
      metrics,
      health,
    });
    log.info({ addresses: server.addresses }, 'serving');
    return new DomainControl(resources.move(), server);
  }

  /** Where it listens. */
  get addresses(): readonly string[] {
    return this.#server.addresses;
  }

  drain(deadlineMs: number): Promise<void> {
    return this.#server.drain(deadlineMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
    await this.#resources.disposeAsync();
  }
}

function endpointsOf(config: DomainServiceConfig): Endpoint[] {
  const { group, path, readOnlyPath, role } = config.sockets;
  const endpoints: Endpoint[] = [
    { kind: 'unix', path, mode: 0o660, group, role },
    { kind: 'unix', path: readOnlyPath, mode: 0o660, group, role: 'viewer' },
  ];
  if (config.tls) {
    const { bindings, ca, cert, host, key, port } = config.tls;
    endpoints.push({ kind: 'tls', host, port, cert, key, ca, policy: { bindings } });
  }
  return endpoints;
}

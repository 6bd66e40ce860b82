import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sleep, systemClock } from '@virtmesh/base';
import { createHost } from '@virtmesh/host';
import { type Endpoint, type Logger, type Metrics, RpcServer, type ServiceContext } from '@virtmesh/kit';
import { operationService } from '@virtmesh/operations';
import { Store } from '@virtmesh/store';
import { keepRegistered } from './adapters/registration.ts';
import type { AgentConfig } from './config.ts';
import { type AgentContext, agentContext } from './context.ts';
import { autostart, recover } from './domains/recovery.ts';
import { openDrivers } from './drivers.ts';
import { announce } from './nodes/announce.ts';
import { domainService } from './rpc/domain-service.ts';
import { journalService } from './rpc/journal-service.ts';
import { nodeService } from './rpc/node-service.ts';
import { agentVersion } from './version.ts';

/** How long the first call waits for guests to be taken up. */
const recoveryMs = 1_000;

/** The agent of one node: it owns the drivers and the store, and is the only thing that touches the host. */
export class NodeAgent implements AsyncDisposable {
  readonly #resources: AsyncDisposableStack;
  readonly #server: RpcServer;
  readonly #context: AgentContext;

  private constructor(resources: AsyncDisposableStack, server: RpcServer, context: AgentContext) {
    this.#resources = resources;
    this.#server = server;
    this.#context = context;
  }

  /** Opens the store, takes up the guests that run, and serves. If anything fails, what was begun is closed again. */
  static async start({ config, log, metrics, signal }: ServiceContext<AgentConfig>): Promise<NodeAgent> {
    await using resources = new AsyncDisposableStack();
    const stop = new AbortController();
    resources.defer(() => stop.abort());
    await mkdir(config.stateDir, { recursive: true, mode: 0o711 });
    const store = Store.open({ path: join(config.stateDir, 'agent.db'), clock: systemClock, onFault: (fault) => log.error({ err: fault }, 'the store met a fault of the disk') });
    resources.defer(() => store.close());
    const host = await createHost();
    const drivers = await openDrivers(config, host, log, signal);
    for (const driver of drivers.usable()) resources.use(driver);
    const context = await agentContext({ config, log, store, host, drivers });
    for (const driver of drivers.usable()) void context.engine.observer.follow(driver, stop.signal).catch((thrown: unknown) => log.error({ err: thrown, driver: driver.type }, 'the events of a driver ended'));
    const recovered = recover(context.engine, store.operations.unfinished().map((row) => context.operations.get(row.id)));
    // Guests that answer are right before the first call is served; one that does not is not waited for.
    await Promise.race([recovered, sleep(recoveryMs, signal)]);
    announce(store, context.journal, config.node, await context.view.read());
    const server = await serve(config, log, metrics, context);
    log.info({ node: config.node, addresses: server.addresses, domains: context.engine.parts.registry.size, running: context.engine.parts.registry.activeCount }, 'serving');
    const started = autostart(context.engine, context.bootId);
    if (started > 0) log.info({ started }, 'starting the domains that start with the node');
    if (config.nats) resources.use(keepRegistered(config.nats, registrationOf(config, store.nodeUid, context.startTime), log));
    return new NodeAgent(resources.move(), server, context);
  }

  get addresses(): readonly string[] {
    return this.#server.addresses;
  }

  /** Lets calls under way end; what is unfinished then is taken up by the next life. */
  async drain(deadlineMs: number): Promise<void> {
    await this.#server.drain(deadlineMs);
    await Promise.race([this.#context.engine.idle(), new Promise((resolve) => setTimeout(resolve, deadlineMs).unref())]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
    await this.#resources.disposeAsync();
  }
}

async function serve(config: AgentConfig, log: Logger, metrics: Metrics, context: AgentContext): Promise<RpcServer> {
  const { engine, journal, operations, view, consoles, store } = context;
  const { clock, node, registry } = engine.parts;
  const endpoints = endpointsOf(config);
  for (const endpoint of endpoints) if (endpoint.kind === 'unix') await mkdir(dirname(endpoint.path), { recursive: true, mode: 0o755 });
  return RpcServer.start({
    endpoints,
    services: [domainService(engine, journal, consoles), nodeService(view, registry, journal, node, clock), operationService(operations), journalService(journal, store, clock)],
    log,
    metrics,
  });
}

function endpointsOf(config: AgentConfig): Endpoint[] {
  const { group, path, readOnlyPath, role } = config.sockets;
  const endpoints: Endpoint[] = [
    { kind: 'unix', path, mode: 0o660, group, role, acceptForwarded: true },
    { kind: 'unix', path: readOnlyPath, mode: 0o660, group, role: 'viewer' },
  ];
  if (config.tls) {
    const { bindings, ca, cert, host, key, port } = config.tls;
    endpoints.push({ kind: 'tls', host, port, cert, key, ca, policy: { bindings } });
  }
  return endpoints;
}

function registrationOf(config: AgentConfig, nodeUid: string, startTime: Date): Parameters<typeof keepRegistered>[1] {
  const tls = config.tls && (config.tls.advertise ?? `${config.tls.host}:${config.tls.port}`);
  return { node: config.node, nodeUid, addresses: tls ? [tls] : [`unix:${config.sockets.path}`], agentVersion, startTime };
}

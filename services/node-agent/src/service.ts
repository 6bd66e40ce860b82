import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { settledWithin, systemClock } from '@virtmesh/base';
import { createHost } from '@virtmesh/host';
import { type Endpoint, Failpoints, type Logger, type Metrics, RpcServer, type RunningService, type ServiceContext } from '@virtmesh/kit';
import { Store } from '@virtmesh/store';
import type { AgentConfig } from './config.ts';
import { type AgentContext, agentContext, keepRegistration, readBootId } from './context.ts';
import { autostart, recover, sweepSaved } from './domains/recovery.ts';
import { openDrivers } from './drivers.ts';
import { keepHouse } from './housekeeping.ts';
import { announce } from './nodes/announce.ts';
import { agentServices } from './rpc/services.ts';

/** How long the first call waits for guests to be taken up. */
const recoveryMs = 1_000;

/** The agent of one node: it owns the drivers and the store, and is the only thing that touches the host. */
export class NodeAgent implements RunningService {
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
    await mkdir(config.stateDir, { recursive: true, mode: 0o711 });
    const bootId = await readBootId();
    const failpoints = new Failpoints(process.env['VIRTMESH_FAILPOINTS']);
    const store = resources.use(
      Store.open({
        path: join(config.stateDir, 'agent.db'),
        clock: systemClock,
        bootId,
        onCommit: (side) => void failpoints.hit(`commit.${side}`),
        onFault: (fault) => log.error({ err: fault }, 'the store met a fault of the disk'),
      }),
    );
    const host = await createHost();
    const drivers = await openDrivers(config, host, log, signal);
    for (const driver of drivers.usable()) resources.use(driver);
    // Before drivers and store close, nothing may use them any more.
    const stop = new AbortController();
    resources.defer(() => stop.abort());
    resources.use(keepHouse(store, log));
    const context = agentContext({
      node: config.node,
      log,
      clock: systemClock,
      store,
      host,
      drivers,
      failpoints,
      directories: { roots: config.pathRoots, stateDir: config.stateDir },
      stopping: stop.signal,
    });
    await takeUp(context, bootId, log, stop.signal);
    announce(store, context.journal, config.node, await context.view.read());
    const server = await serve(config, log, metrics, context);
    const { registry } = context.engine.parts;
    log.info({ node: config.node, addresses: server.addresses, domains: registry.size, running: registry.activeCount }, 'serving');
    resources.use(keepRegistration(config, server.addresses, context, log));
    return new NodeAgent(resources.move(), server, context);
  }

  get addresses(): readonly string[] {
    return this.#server.addresses;
  }

  /** Lets calls and jobs under way end; what is unfinished then is taken up by the next life. */
  async drain(ms: number): Promise<void> {
    const idle = settledWithin(this.#context.engine.idle(), ms);
    await this.#server.drain(ms);
    await idle;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
    await this.#resources.disposeAsync();
  }
}

/** Follows the drivers and takes up what an earlier life left, then starts what starts with the node. A guest that does not answer is not waited for. */
async function takeUp({ engine, operations, store }: AgentContext, bootId: string, log: Logger, stopping: AbortSignal): Promise<void> {
  const { drivers } = engine.parts;
  for (const driver of drivers.usable()) void engine.observer.follow(driver, stopping);
  const unfinished = store.operations.unfinished().map((row) => operations.get(row.id));
  const told = (words: string) => (thrown: unknown) => {
    if (!stopping.aborted) log.error({ err: thrown }, words);
  };
  const started = recover(engine, unfinished)
    .catch(told('what an earlier life left could not be taken up'))
    .then(() => {
      const due = autostart(engine, bootId);
      if (due > 0) log.info({ started: due }, 'starting the domains that start with the node');
    })
    .catch(told('the domains that start with the node could not be started'));
  void started.then(() => sweepSaved(engine)).catch(told('saved states that nobody knows any more could not be removed'));
  await settledWithin(started, recoveryMs);
}

async function serve(config: AgentConfig, log: Logger, metrics: Metrics, context: AgentContext): Promise<RpcServer> {
  const endpoints = endpointsOf(config);
  for (const endpoint of endpoints) if (endpoint.kind === 'unix') await mkdir(dirname(endpoint.path), { recursive: true, mode: 0o755 });
  return RpcServer.start({ endpoints, services: agentServices(context), log, metrics });
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

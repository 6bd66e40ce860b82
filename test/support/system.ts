import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type Connection } from '@virtmesh/client';
import { DestroyDomainRequest, ListDomainsRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { NatsServer } from './nats.ts';
import { ServiceProcess } from './service-process.ts';

export interface TestSystemOptions {
  /** Also nats-server and domain-svc; else the agent alone. */
  readonly fleet?: boolean;
  /** Over the agent's configuration. */
  readonly agent?: object;
  readonly agentEnv?: Readonly<Record<string, string>>;
}

/**
 * The real thing in a directory of its own: an agent with its QEMU driver, and on request nats-server and domain-svc, each
 * a process that can be killed and started again. Its end destroys every guest and removes everything.
 */
export class TestSystem implements AsyncDisposable {
  /** Guests' disks may be here. */
  readonly disks: string;
  readonly node = 'n1';
  readonly agent: ServiceProcess;
  readonly domainSvc: ServiceProcess;
  readonly nats: NatsServer | undefined;
  readonly #directory: string;
  readonly #connections = new Set<Connection>();

  private constructor(directory: string, nats: NatsServer | undefined, options: TestSystemOptions) {
    this.#directory = directory;
    this.nats = nats;
    this.disks = join(directory, 'disks');
    const quiet = { level: 'warn' };
    const bus = nats ? { nats: { servers: [nats.url] } } : {};
    this.agent = new ServiceProcess({
      service: 'node-agent',
      directory,
      socket: this.agentSocket,
      config: {
        node: this.node,
        stateDir: join(directory, 'state'),
        runDir: join(directory, 'run'),
        pathRoots: [this.disks, '/var/cache/virtmesh'],
        sockets: { path: this.agentSocket, readOnlyPath: join(directory, 'agent-ro.sock') },
        qemu: { accelerator: 'tcg', vncPorts: { first: 15_900, last: 16_400 } },
        log: quiet,
        ...bus,
        ...options.agent,
      },
    });
    this.domainSvc = new ServiceProcess({
      service: 'domain-svc',
      directory,
      socket: this.domainSvcSocket,
      config: { sockets: { path: this.domainSvcSocket, readOnlyPath: join(directory, 'svc-ro.sock') }, log: quiet, ...bus },
    });
  }

  static async start(options: TestSystemOptions = {}): Promise<TestSystem> {
    const directory = await mkdtemp('/tmp/vm-sys-');
    // Guests run as users of their own and must be able to come here.
    await chmod(directory, 0o755);
    const nats = options.fleet ? await NatsServer.start() : undefined;
    const system = new TestSystem(directory, nats, options);
    try {
      await mkdir(system.disks);
      await system.agent.start(options.agentEnv);
      if (options.fleet) await system.domainSvc.start();
      if (options.fleet) await system.nodeReady();
      return system;
    } catch (thrown) {
      await system[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  get agentSocket(): string {
    return join(this.#directory, 'agent.sock');
  }
  get agentReadOnlySocket(): string {
    return join(this.#directory, 'agent-ro.sock');
  }
  get domainSvcSocket(): string {
    return join(this.#directory, 'svc.sock');
  }
  get runDir(): string {
    return join(this.#directory, 'run');
  }
  get stateDir(): string {
    return join(this.#directory, 'state');
  }

  /** A client of the agent, or of the control plane; closed with the system. */
  async connect(scope: 'agent' | 'fleet' | 'agent-read-only' = 'agent'): Promise<Connection> {
    const paths = { agent: this.agentSocket, fleet: this.domainSvcSocket, 'agent-read-only': this.agentReadOnlySocket };
    const connection = await connect(`unix://${paths[scope]}`);
    this.#connections.add(connection);
    return connection;
  }

  /** Resolves when the control plane sees the node. */
  async nodeReady(): Promise<void> {
    const connection = await this.connect('fleet');
    for (const end = Date.now() + 20_000; ; await delay(20)) {
      const { nodes } = await connection.nodes.listNodes({ pageSize: 0, pageToken: '' });
      if (nodes.some((node) => node.condition === 1)) return;
      if (Date.now() > end) throw new Error(`the node did not become ready:\n${await this.domainSvc.log()}\n${await this.agent.log()}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#destroyGuests().catch((thrown: unknown) => process.stderr.write(`guests could not be destroyed: ${String(thrown)}\n`));
    for (const connection of this.#connections) connection.close();
    await this.domainSvc[Symbol.asyncDispose]();
    await this.agent[Symbol.asyncDispose]();
    await this.nats?.[Symbol.asyncDispose]();
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #destroyGuests(): Promise<void> {
    if (!this.agent.running) await this.agent.start();
    const { domains } = await this.connect('agent');
    for (;;) {
      const page = await domains.listDomains(ListDomainsRequest.fromPartial({ parent: 'nodes/-', pageSize: 1000 }));
      const active = page.domains.filter((domain) => (domain.status?.pid ?? 0n) > 0n || domain.status?.state !== 6);
      if (active.length === 0) return;
      await Promise.all(active.map((domain) => domains.destroyDomain(DestroyDomainRequest.fromPartial({ name: domain.name, force: true }))));
    }
  }
}

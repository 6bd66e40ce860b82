import { chmod, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type Connection, type ConnectOptions } from '@virtmesh/client';
import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { DestroyDomainRequest, ListDomainsRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { NodeCondition } from '@virtmesh/contracts/node/v1/node';
import { runCommand } from '@virtmesh/tools/run-command';
import { EventTape } from './event-tape.ts';
import { eventually } from './eventually.ts';
import { cgroupsOf, guestInterfaces, mountsOf, processesWith } from './host-traces.ts';
import { NatsServer } from './nats.ts';
import { ServiceProcess } from './service-process.ts';
import { TestClient } from './test-client.ts';

export type Scope = 'agent' | 'fleet';

export interface TestSystemOptions {
  /** Also nats-server and domain-svc; else the agent alone. */
  readonly fleet?: boolean;
  /** Over the agent's configuration. */
  readonly agent?: object;
  readonly agentEnv?: Readonly<Record<string, string>>;
}

/**
 * The real thing in a directory of its own: an agent with its QEMU driver, and on request nats-server and domain-svc, each
 * a process that can be killed and started again. Its end destroys every guest, removes everything, and fails if something
 * of a guest is left on the host.
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
  #tape: EventTape | undefined;

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
        stateDir: this.stateDir,
        runDir: this.runDir,
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
      await Promise.all([system.agent.start(options.agentEnv), options.fleet && system.domainSvc.start()]);
      if (nats) await system.nodeReady();
      return system;
    } catch (thrown) {
      await system[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  get agentSocket(): string {
    return join(this.#directory, 'agent.sock');
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

  /** What JetStream has, from the beginning. */
  get tape(): EventTape {
    if (!this.nats) throw new Error('a system without NATS has no event stream');
    return (this.#tape ??= new EventTape(this.nats.url));
  }

  /** A client of the agent, or of the control plane, on their first or their read-only socket; closed with the system. */
  async connect(scope: Scope = 'agent', socket: 'full' | 'read-only' = 'full', options: ConnectOptions = {}): Promise<Connection> {
    const path = scope === 'agent' ? this.agentSocket : this.domainSvcSocket;
    const connection = await connect(`unix://${socket === 'full' ? path : path.replace('.sock', '-ro.sock')}`, options);
    this.#connections.add(connection);
    return connection;
  }

  /** Closes a connection before the system ends. */
  close(connection: Connection): void {
    connection.close();
    this.#connections.delete(connection);
  }

  async client(scope: Scope = 'agent'): Promise<TestClient> {
    return new TestClient(await this.connect(scope), this.node);
  }

  /** Resolves when the control plane sees the node. */
  async nodeReady(): Promise<void> {
    const connection = await this.connect('fleet');
    for (const end = Date.now() + 20_000; ; await delay(20)) {
      const { nodes } = await connection.nodes.listNodes({ pageSize: 0, pageToken: '' });
      if (nodes.some((node) => node.condition === NodeCondition.READY)) break;
      if (Date.now() > end) throw new Error(`the node did not become ready:\n${await this.domainSvc.log()}\n${await this.agent.log()}`);
    }
    this.close(connection);
  }

  /** All that is left on the host of a guest: processes, sockets, control groups, mounts, network interfaces. Empty once it has ended. */
  async traces(uid: string): Promise<string[]> {
    const processes = (await processesWith(uid)).filter(({ args }) =>
      args.some((arg) => arg.startsWith(this.#directory) || arg.includes(`=${this.#directory}`)),
    );
    const sockets = (await readdir(this.runDir).catch(() => [])).filter((name) => name === uid);
    return [
      ...processes.map(({ pid, args }) => `process ${pid} ${args[0]}`),
      ...sockets.map((name) => join(this.runDir, name)),
      ...(await cgroupsOf(uid)),
      ...(await mountsOf(uid)).map((target) => `mount ${target}`),
      ...(await guestInterfaces()).filter((each) => each.uid === uid).map(({ name }) => `network interface ${name}`),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const leaks: string[] = [];
    await this.#destroyGuests().catch((thrown: unknown) => leaks.push(`guests could not be destroyed: ${String(thrown)}\n`));
    for (const connection of this.#connections) connection.close();
    await this.#tape?.[Symbol.asyncDispose]();
    for (const service of [this.domainSvc, this.agent, this.nats])
      await service?.[Symbol.asyncDispose]().catch((thrown: unknown) => leaks.push(String(thrown)));
    await this.#simulatorEnds();
    leaks.push(...(await this.#removeLeaks()));
    // LXC keeps a pipe and locks for a directory of containers where its own name leads to.
    for (const place of [this.#directory, join('/run/lxc', this.#directory), join('/run/lxc/lock', this.#directory)])
      await rm(place, { recursive: true, force: true });
    if (leaks.length > 0) throw new Error(`left: ${leaks.join(', ')}`);
  }

  /** A simulator stays for a moment when its agent has ended and it has no guest. One that stays longer is left to be found. */
  async #simulatorEnds(): Promise<void> {
    const ended = async (): Promise<boolean> => (await processesWith(join(this.runDir, 'test-simulator.sock'))).length === 0;
    await eventually('the end of the simulator', ended, 5_000).catch(() => undefined);
  }

  /** Ends what is still there of guests, and says what it was. */
  async #removeLeaks(): Promise<string[]> {
    const leaks: string[] = [];
    for (const { args, pid } of await processesWith(`${this.#directory}/`)) {
      leaks.push(`process ${pid} ${args.slice(0, 4).join(' ')}`);
      process.kill(pid, 'SIGKILL');
    }
    leaks.push(...(await readdir(this.runDir).catch(() => [])).map((name) => join(this.runDir, name)));
    for (const { name, uid } of await guestInterfaces()) {
      if (!(await this.#hasKnown(uid))) continue;
      leaks.push(`network interface ${name} of ${uid}`);
      await runCommand(['ip', 'link', 'delete', name]);
    }
    return leaks;
  }

  /** Whether a guest was ever the agent's: its store keeps what happened to those that are gone. */
  async #hasKnown(uid: string): Promise<boolean> {
    const files = (await readdir(this.stateDir).catch(() => [])).filter((name) => name.startsWith('agent.db'));
    const contents = await Promise.all(files.map((name) => readFile(join(this.stateDir, name))));
    return contents.some((bytes) => bytes.includes(uid));
  }

  async #destroyGuests(): Promise<void> {
    if (!this.agent.running) await this.agent.start();
    const { domains } = await this.connect('agent');
    for (const end = Date.now() + 60_000; ;) {
      const page = await domains.listDomains(ListDomainsRequest.fromPartial({ parent: 'nodes/-', pageSize: 1000 }));
      const active = page.domains.filter((domain) => domain.status?.state !== DomainState.SHUTOFF);
      if (active.length === 0) return;
      if (Date.now() > end) throw new Error(`${active.map((domain) => domain.name).join(', ')} cannot be ended`);
      await Promise.all(
        active.map((domain) => domains.destroyDomain(DestroyDomainRequest.fromPartial({ name: domain.name, force: true }))),
      );
    }
  }
}

import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Fault } from '@virtmesh/base';
import { connect, type Connection } from '@virtmesh/client';
import { NodeCondition } from '@virtmesh/contracts/node/v1/node';
import { ListNodesRequest } from '@virtmesh/contracts/node/v1/node_service';
import { connectControl, type SimulatorControl } from '@virtmesh/driver-test';
import { Failure } from '../dev/failure.ts';
import { serviceCommand, serviceEnvironment } from '../process/service-command.ts';
import { Child } from '../start/child.ts';
import { clearLxc } from '../start/run-directory.ts';
import { connectSocket } from './connect-socket.ts';
import type { SimulateOptions } from './options.ts';

const startMs = 120_000;
const drainMs = 20_000;
/** A simulator stays this long without guests and agent. */
const idleEndMs = 500;

/** nats-server, domain-svc and agents with the test driver, in a directory of their own, which goes with them. */
export class SimulatedFleet implements AsyncDisposable {
  readonly directory: string;
  readonly nodes: readonly string[];
  readonly #signal: AbortSignal;
  readonly #children: Child[] = [];

  private constructor(directory: string, nodes: readonly string[], signal: AbortSignal) {
    this.directory = directory;
    this.nodes = nodes;
    this.#signal = signal;
  }

  static async start(options: SimulateOptions, signal: AbortSignal): Promise<SimulatedFleet> {
    const nodes = Array.from({ length: options.nodes }, (_, index) => `n${index + 1}`);
    const fleet = new SimulatedFleet(await mkdtemp('/tmp/vm-sim-'), nodes, signal);
    try {
      const port = await freePort();
      await fleet.#startNats(port);
      const servers = [`127.0.0.1:${port}`];
      await fleet.#service('domain-svc', 'domain-svc', { nats: { servers }, sockets: fleet.#sockets('svc') });
      for (const [index, node] of nodes.entries()) await fleet.#startAgent(node, index, servers, options);
      return fleet;
    } catch (thrown) {
      await fleet[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  /** The control plane, when it sees all nodes. */
  async connect(): Promise<Connection> {
    const connection = await this.#until('domain-svc answers', () =>
      connect(`unix://${this.#socket('svc')}`, { signal: this.#signal, connectTimeoutMs: 5_000 }).catch((thrown: unknown) => {
        if (Fault.is(thrown, 'SERVER_UNREACHABLE', 'SHUTTING_DOWN', 'DEADLINE_EXCEEDED')) return undefined;
        throw thrown;
      }),
    );
    await this.#until('all nodes are ready', async () => {
      const { nodes } = await connection.nodes.listNodes(ListNodesRequest.fromPartial({ pageSize: 1000 }), { signal: this.#signal });
      return nodes.filter(({ condition }) => condition === NodeCondition.READY).length === this.nodes.length || undefined;
    });
    return connection;
  }

  /** The simulator of a node; undefined where none runs. */
  async control(node: string): Promise<SimulatorControl | undefined> {
    const path = join(this.directory, node, 'run', 'test-simulator.sock');
    return connectControl({ sockets: { connect: connectSocket } }, path, AbortSignal.timeout(10_000)).catch(() => undefined);
  }

  /** The simulators that run, by node. */
  async controls(): Promise<ReadonlyMap<string, SimulatorControl>> {
    const found = await Promise.all(this.nodes.map(async (node) => [node, await this.control(node)] as const));
    return new Map(found.flatMap(([node, control]) => (control ? [[node, control] as const] : [])));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children.toReversed()) await child.stop(drainMs);
    // Simulators whose guests have ended follow their agents.
    await delay(idleEndMs);
    await rm(this.directory, { recursive: true, force: true });
    await clearLxc(this.directory);
  }

  async #startNats(port: number): Promise<void> {
    const file = join(this.directory, 'nats.conf');
    const jetstream = { store_dir: join(this.directory, 'nats'), max_memory_store: 64 * 2 ** 20, max_file_store: 2 ** 30 };
    await writeFile(file, JSON.stringify({ listen: `127.0.0.1:${port}`, jetstream }));
    await this.#run('nats-server', ['nats-server', '-c', file]);
    await this.#until('nats-server listens', () => accepts(port));
  }

  async #startAgent(node: string, index: number, servers: readonly string[], { latencyMs, seed }: SimulateOptions): Promise<void> {
    await mkdir(join(this.directory, node));
    const places = { stateDir: join(this.directory, node, 'state'), runDir: join(this.directory, node, 'run') };
    const latencies =
      latencyMs > 0 ? { default: { t: 'exponential', meanMs: latencyMs }, boot: { t: 'normal', meanMs: 2000, deviationMs: 500 } } : {};
    await this.#service('node-agent', node, {
      node,
      ...places,
      nats: { servers },
      sockets: this.#sockets(node),
      qemu: { accelerator: 'tcg' },
      test: { seed: seed + index, latencies, idleEndMs },
    });
  }

  async #service(service: string, name: string, config: object): Promise<void> {
    const file = join(this.directory, `${name}.yaml`);
    await writeFile(file, JSON.stringify({ log: { level: 'warn' }, ...config }));
    await this.#run(name, serviceCommand(service, file));
  }

  async #run(name: string, argv: readonly [string, ...string[]]): Promise<void> {
    const env = { PATH: process.env['PATH'], ...serviceEnvironment };
    this.#children.push(await Child.start({ name, argv, cwd: this.directory, env, logFile: join(this.directory, `${name}.log`) }));
  }

  #socket(name: string): string {
    return join(this.directory, `${name}.sock`);
  }

  #sockets(name: string): object {
    return { path: this.#socket(name), readOnlyPath: this.#socket(`${name}-ro`) };
  }

  async #until<T>(what: string, attempt: () => Promise<T | undefined>): Promise<T> {
    for (const end = performance.now() + startMs; ; await delay(100, undefined, { signal: this.#signal })) {
      const answer = await attempt();
      if (answer !== undefined) return answer;
      const ended = this.#children.find((child) => child.hasEnded);
      if (ended) throw new Failure(`${ended.name} ended; its last lines:\n${(await ended.lastLines(15)).join('\n')}`);
      if (performance.now() > end) throw new Failure(`not within ${startMs / 1000} s: ${what}`);
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('the system gave no port');
  return address.port;
}

async function accepts(port: number): Promise<true | undefined> {
  const socket = createConnection(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}

import { mkdir } from 'node:fs/promises';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Fault } from '@virtmesh/base';
import { connect, type Connection } from '@virtmesh/client';
import { NodeCondition } from '@virtmesh/contracts/node/v1/node';
import { ListNodesRequest } from '@virtmesh/contracts/node/v1/node_service';
import { Failure } from '../dev/failure.ts';
import { serviceCommand, serviceEnvironment } from '../process/service-command.ts';
import { Child } from './child.ts';
import type { ConfigFiles } from './configuration.ts';
import type { DevLayout } from './layout.ts';

const startMs = 60_000;
const retryMs = 50;
const drainMs = 20_000;

/** A child that ended though nobody asked it to. */
export interface Death {
  readonly child: Child;
  readonly exitCode: number;
}

/** Where the constellation is told of, and by what it is ended. */
interface StartOptions {
  readonly layout: DevLayout;
  readonly files: ConfigFiles;
  readonly signal: AbortSignal;
}

/** The environment of the services: without what steers `./dev`, which they would take for configuration. */
function environment(): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('VIRTMESH_') || name === 'VIRTMESH_FAILPOINTS' || name === 'VIRTMESH_TEST_RUN',
  );
  return { ...Object.fromEntries(kept), ...serviceEnvironment };
}

/** nats-server, the agent and domain-svc, started one after the other and ended in reverse. */
export class Constellation {
  readonly children: Child[] = [];
  readonly #options: StartOptions;
  readonly #death = Promise.withResolvers<Death>();
  #isStopping = false;

  constructor(options: StartOptions) {
    this.#options = options;
  }

  /** Resolves when a child ends before it was asked to. */
  get death(): Promise<Death> {
    return this.#death.promise;
  }

  async #run(name: string, ...argv: [string, ...string[]]): Promise<Child> {
    const { layout } = this.#options;
    const child = await Child.start({
      name,
      argv,
      cwd: layout.directory,
      env: environment(),
      logFile: join(layout.logs, `${name}.log`),
    });
    this.children.push(child);
    void child.exit.then((exitCode) => {
      if (!this.#isStopping) this.#death.resolve({ child, exitCode });
    });
    return child;
  }

  /** Asks again until there is an answer; fails if the child ends, or does not answer in time. */
  async #until<T>(child: Child, what: string, attempt: () => Promise<T | undefined>): Promise<T> {
    const { layout, signal } = this.#options;
    const deadline = performance.now() + startMs;
    for (;;) {
      signal.throwIfAborted();
      const answer = await attempt();
      if (answer !== undefined) return answer;
      if (child.hasEnded || performance.now() > deadline) {
        const why = child.hasEnded ? `ended with exit code ${await child.exit}` : `did not ${what} within ${startMs / 1000} s`;
        throw new Failure(
          `${child.name} ${why}. Its last lines (${join(layout.logs, `${child.name}.log`)}):\n${(await child.lastLines(15)).join('\n')}`,
        );
      }
      await delay(retryMs, undefined, { signal });
    }
  }

  async #connection(child: Child, socket: string): Promise<Connection> {
    return this.#until(child, 'answer', async () => {
      try {
        return await connect(socket, { signal: this.#options.signal, connectTimeoutMs: 5_000 });
      } catch (error) {
        if (Fault.is(error, 'SERVER_UNREACHABLE', 'SHUTTING_DOWN', 'DEADLINE_EXCEEDED')) return undefined;
        throw error;
      }
    });
  }

  /** Starts nats-server and waits until it listens. */
  async startNats(): Promise<void> {
    const { layout, files } = this.#options;
    await mkdir(layout.natsData, { recursive: true, mode: 0o700 });
    const nats = await this.#run('nats-server', 'nats-server', '-c', files.nats);
    await this.#until(nats, 'listen', async () => {
      const socket = connectTcp(layout.ports.nats, '127.0.0.1');
      try {
        await once(socket, 'connect');
        return true;
      } catch {
        return undefined;
      } finally {
        socket.destroy();
      }
    });
  }

  /** Starts the agent and connects to it. */
  async startAgent(): Promise<Connection> {
    const { layout, files } = this.#options;
    await mkdir(layout.run, { recursive: true, mode: 0o755 });
    const agent = await this.#run('node-agent', ...serviceCommand('node-agent', files.agent));
    return this.#connection(agent, layout.agentSocket);
  }

  /** Starts domain-svc, connects to it, and waits until it sees the node. */
  async startControl(): Promise<Connection> {
    const { layout, files, signal } = this.#options;
    const control = await this.#run('domain-svc', ...serviceCommand('domain-svc', files.control));
    const connection = await this.#connection(control, layout.controlSocket);
    await this.#until(control, 'see the node', async () => {
      const { nodes } = await connection.nodes.listNodes(ListNodesRequest.fromPartial({}), { signal });
      return nodes.some((node) => node.name === `nodes/${layout.node}` && node.condition === NodeCondition.READY) || undefined;
    });
    return connection;
  }

  /** Ends all of them, the last one first; each lets its calls end. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const child of this.children.toReversed()) await child.stop(drainMs);
  }
}

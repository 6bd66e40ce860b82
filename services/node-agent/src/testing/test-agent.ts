import { randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '@virtmesh/base';
import { Metadata } from '@grpc/grpc-js';
import { Domain } from '@virtmesh/contracts/domain/v1/domain';
import type { DomainEvent } from '@virtmesh/contracts/domain/v1/domain_event';
import { DomainEvent as DomainEventMessage } from '@virtmesh/contracts/domain/v1/domain_event';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { type CallContext, Failpoints, faultFromStatus, type Logger, type Role, silentLogger } from '@virtmesh/kit';
import { Store, type StoreLimits } from '@virtmesh/store';
import { type AgentContext, agentContext } from '../context.ts';
import { Drivers } from '../domains/drivers.ts';
import { autostart, recover, sweepSaved } from '../domains/recovery.ts';
import { scriptedDriver } from './scripted-driver.ts';
import { ScriptedWorld } from './scripted-world.ts';

/** Stores of tests are in memory, where syncing costs nothing. */
const memory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export interface TestAgentOptions {
  readonly world?: ScriptedWorld;
  readonly failpoints?: string;
  readonly clock?: Clock;
  readonly log?: Logger;
  readonly limits?: StoreLimits;
  /** The host's boot; the same for all lives if left out. */
  readonly bootId?: string;
  /** Called with the agent before it takes anything up. */
  readonly onMade?: (agent: TestAgent) => void;
}

/** The agent without its sockets, on a scripted driver and a real store, whose lives can end as a kill ends them. */
export class TestAgent implements AsyncDisposable {
  readonly world: ScriptedWorld;
  readonly context: AgentContext;
  readonly #options: TestAgentOptions;
  readonly #directory: string;
  readonly #stop: AbortController;
  #worldGoesOn = false;
  #swept: Promise<void> = Promise.resolve();

  private constructor(directory: string, options: TestAgentOptions) {
    this.#directory = directory;
    this.#options = options;
    this.world = options.world ?? new ScriptedWorld();
    this.#stop = new AbortController();
    const { clock = systemClock, limits, log = silentLogger() } = options;
    const failpoints = new Failpoints(options.failpoints);
    const store = Store.open({
      path: join(directory, 'agent.db'),
      clock,
      limits,
      onCommit: (side) => void failpoints.hit(`commit.${side}`),
    });
    const drivers = new Drivers([
      { type: 'scripted', driver: scriptedDriver(this.world, this.#stop.signal) },
      { type: 'absent', why: 'it is not installed; install it' },
    ]);
    const host = {
      info: {
        node: () =>
          Promise.resolve({ hostname: 'test', kernel: '', os: '', bootTime: undefined, cpu: {}, memory: {}, numaCells: [] } as never),
        availableMemoryBytes: () => 0n,
      },
    };
    const directories = { roots: [this.world.files], stateDir: this.world.files };
    this.context = agentContext({ node: 'n1', log, clock, store, host, drivers, failpoints, directories, stopping: this.#stop.signal });
  }

  /** A new agent, or the next life of one: takes up what the store has. */
  static async start(options: TestAgentOptions = {}, directory = mkdtempSync(join(memory, 'virtmesh-agent-'))): Promise<TestAgent> {
    const agent = new TestAgent(directory, options);
    const { engine, operations, store } = agent.context;
    options.onMade?.(agent);
    for (const driver of engine.parts.drivers.usable()) void engine.observer.follow(driver, agent.#stop.signal);
    const unfinished = store.operations.unfinished().map((row) => operations.get(row.id));
    await recover(engine, unfinished, { adoptionMs: 10_000, retryAdoptionMs: 500, restMs: 200 });
    autostart(engine, options.bootId ?? 'boot-1');
    // Not waited for, as by the agent itself: an operation that is taken up may hold a domain's turn.
    agent.#swept = sweepSaved(engine).catch(() => undefined);
    return agent;
  }

  get engine(): AgentContext['engine'] {
    return this.context.engine;
  }
  get registry(): AgentContext['engine']['parts']['registry'] {
    return this.context.engine.parts.registry;
  }

  /** Copies the store's files as a kill at this moment would leave them. */
  copyStore(): string {
    const directory = mkdtempSync(join(memory, 'virtmesh-agent-'));
    for (const name of ['agent.db', 'agent.db-wal']) {
      if (existsSync(join(this.#directory, name))) copyFileSync(join(this.#directory, name), join(directory, name));
    }
    return directory;
  }

  /** Ends this life as a kill does, and begins the next one. */
  async kill(over: Partial<TestAgentOptions> = {}): Promise<TestAgent> {
    const copy = this.copyStore();
    this.#worldGoesOn = true;
    await this[Symbol.asyncDispose]();
    return TestAgent.start({ ...this.#options, ...over, world: this.world }, copy);
  }

  /** Resolves when nothing is in its turn, all events have been taken in, and no file is left that nobody knows. */
  async settled(): Promise<void> {
    await this.#swept;
    for (let round = 0; round < 5; round += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      await this.engine.idle();
    }
  }

  /** All events of domains, oldest first. */
  events(): DomainEvent[] {
    return this.context.store.journal.read({ after: 0, kind: 'domain', limit: 100_000 }).map((row) => DomainEventMessage.decode(row.body));
  }

  /** As `defined started stopped`. */
  eventNames(uid?: string): string {
    return this.events()
      .filter((event) => uid === undefined || event.uid === uid)
      .map((event) => event.context?.type.split('.')[3] ?? '')
      .filter((name) => name !== 'state')
      .join(' ');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.world.listener = undefined;
    await new Promise((resolve) => setImmediate(resolve));
    this.context.store.close();
    rmSync(this.#directory, { recursive: true, force: true });
    if (!this.#worldGoesOn) this.world.removeFiles();
  }
}

/** A call as the server would hand it on. */
export function testCall(over: { role?: Role; identity?: string; signal?: AbortSignal; deadline?: Date } = {}): CallContext {
  const { deadline, identity = 'virtmesh://user/alice', role = 'raw', signal = new AbortController().signal } = over;
  return {
    caller: { identity, role, via: 'local', isService: false },
    method: 'test',
    callId: randomUUID(),
    traceparent: undefined,
    signal,
    deadline,
    log: silentLogger(),
    metadata: new Metadata(),
  };
}

/** The domain that an operation answered; throws the fault of one that failed. */
export function domainIn(operation: Operation): Domain {
  if (operation.result?.$case === 'error') throw faultFromStatus(operation.result.value);
  if (operation.result?.$case !== 'response') throw new Error(`${operation.verb} has not ended: ${operation.state}`);
  return Domain.decode(operation.result.value.value);
}

import { setMaxListeners } from 'node:events';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { type Clock, Fault, raceAbort } from '@virtmesh/base';
import type { NodeRegistry } from '@virtmesh/events';
import type { Logger } from '@virtmesh/kit';
import { AgentLink } from './agent-link.ts';

export interface FleetOptions {
  readonly registry: Pick<NodeRegistry, 'watch'>;
  readonly log: Logger;
  readonly clock: Clock;
  /** How to prove to an agent who this service is, and to be sure that it is the node's. */
  readonly credentials: (node: string, address: string) => ChannelCredentials;
  /** As of AgentLink. */
  readonly silenceMs?: number;
  readonly retryMs?: number;
  readonly maxRetryMs?: number;
}

/** Something that runs beside the link of each node for as long as the node is known. It ends with the signal. */
export type NodeTask = (link: AgentLink, signal: AbortSignal) => Promise<void>;

interface KnownNode {
  readonly link: AgentLink;
  readonly forget: AbortController;
  readonly signal: AbortSignal;
  readonly running: Promise<unknown>[];
}

/** How long after the service's start calls wait for the registry to be read. */
const registryWaitMs = 3_000;

/** The nodes as they registered, each with the link to its agent. Begins with `run`. */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #nodes = new Map<string, KnownNode>();
  readonly #begunMs: number;
  readonly #tasks: NodeTask[] = [];
  readonly #forgetting: ((node: string) => void)[] = [];
  readonly #registryRead = Promise.withResolvers<void>();
  #isRegistryRead = false;
  /** Sorted at the first question after a change. */
  #links: readonly AgentLink[] | undefined;
  #generation = 0;
  #signal: AbortSignal | undefined;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#begunMs = options.clock.monotonicMs();
  }

  /** Runs a task beside each node's link, those of nodes yet to come too. */
  onNode(task: NodeTask): void {
    this.#tasks.push(task);
    for (const node of this.#nodes.values()) node.running.push(this.#runTask(task, node));
  }

  /** Calls back when a node was taken out of the registry for good, after all that ran beside its link has ended. */
  onForgotten(callback: (node: string) => void): void {
    this.#forgetting.push(callback);
  }

  /** Another number after each change of which nodes there are and which of them can be reached. */
  get generation(): number {
    return this.#generation;
  }

  /** The links of all nodes, by the nodes' names. */
  get links(): readonly AgentLink[] {
    this.#links ??= [...this.#nodes.values()].map((node) => node.link).toSorted((a, b) => (`${a.node}/` < `${b.node}/` ? -1 : 1));
    return this.#links;
  }

  /** Whether the registry was read once: before that there may be nodes that are not known. */
  get registryRead(): boolean {
    return this.#isRegistryRead;
  }

  find(node: string): AgentLink | undefined {
    return this.#nodes.get(node)?.link;
  }

  /** Settles when the registry was read once, or some time after the service's start without. */
  async settled(signal: AbortSignal): Promise<void> {
    const leftMs = this.#begunMs + registryWaitMs - this.#options.clock.monotonicMs();
    if (this.#isRegistryRead || leftMs <= 0) return;
    await raceAbort(this.#registryRead.promise, AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(leftMs))])).catch(() => undefined);
  }

  /** The link of a node; NODE_NOT_FOUND where no node has that name. */
  async link(node: string, signal: AbortSignal): Promise<AgentLink> {
    const known = this.find(node);
    if (known) return known;
    await this.settled(signal);
    const link = this.find(node);
    if (link) return link;
    if (!this.#isRegistryRead) {
      throw new Fault(
        'NODE_UNREACHABLE',
        `whether there is a node ${node} cannot be told: the registry in NATS was not reached since this service started`,
        { node, last_contact: 'never', why: 'the registry was not read' },
        { retryAfterMs: 1000 },
      );
    }
    throw new Fault('NODE_NOT_FOUND', `no node is named ${node}; list the nodes to see which there are`, { node });
  }

  /** Makes a node known that has not registered since the registry was made anew, say; it is unreachable until it does. */
  know(node: string, addresses: readonly string[] = []): AgentLink {
    const present = this.#nodes.get(node);
    if (present) {
      if (addresses.length > 0) present.link.setAddresses(addresses);
      return present.link;
    }
    const { registry: _registry, ...settings } = this.#options;
    const link = new AgentLink({ node, addresses, ...settings });
    const forget = new AbortController();
    const signal = this.#signal ? AbortSignal.any([this.#signal, forget.signal]) : forget.signal;
    setMaxListeners(0, signal);
    const known: KnownNode = { link, forget, signal, running: [] };
    this.#nodes.set(node, known);
    this.#links = undefined;
    link.onState(() => {
      this.#generation += 1;
    });
    known.running.push(link.run(signal), ...this.#tasks.map((task) => this.#runTask(task, known)));
    return link;
  }

  /** Follows the registry until the signal, then waits for the end of all that runs beside the links. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    setMaxListeners(0, signal);
    try {
      for await (const change of this.#options.registry.watch(signal)) {
        if (change.t === 'caught-up') {
          this.#isRegistryRead = true;
          this.#registryRead.resolve();
        } else if (change.t === 'removed') this.#forget(change.node);
        else this.know(change.registration.node, change.registration.addresses);
      }
    } finally {
      for (const { forget } of this.#nodes.values()) forget.abort();
      await Promise.allSettled([...this.#nodes.values()].flatMap((node) => node.running));
    }
  }

  #forget(name: string): void {
    const node = this.#nodes.get(name);
    if (!node) return;
    this.#options.log.info({ node: name }, 'the node was taken out of the registry');
    this.#nodes.delete(name);
    this.#links = undefined;
    this.#generation += 1;
    node.forget.abort();
    void Promise.allSettled(node.running).then(() => {
      // It may have registered anew meanwhile.
      if (!this.#nodes.has(name)) for (const callback of this.#forgetting) callback(name);
    });
  }

  async #runTask(task: NodeTask, node: KnownNode): Promise<void> {
    try {
      await task(node.link, node.signal);
    } catch (thrown) {
      if (!node.signal.aborted)
        this.#options.log.error({ node: node.link.node, err: thrown }, 'what runs beside a node failed and stays ended');
    }
  }
}

import type { Channel, ChannelCredentials } from '@grpc/grpc-js';
import { type Clock, nodeName, raceAbort, sleep } from '@virtmesh/base';
import { JournalServiceService } from '@virtmesh/contracts/agent/v1/journal_service';
import type { Node } from '@virtmesh/contracts/node/v1/node';
import { NodeServiceService } from '@virtmesh/contracts/node/v1/node_service';
import { type Client, createClient, type Logger, openChannel, type ServiceDefinition } from '@virtmesh/kit';
import { type AgentState, connectionError, nodeUnreachable } from './agent-state.ts';
import { withDeadman } from './deadman.ts';

/** A connection to an agent from when it answered until it was lost. */
export interface AgentSession {
  readonly node: string;
  /** The node as its agent told at the connection's begin. */
  readonly atConnect: Node;
  readonly journal: Client<typeof JournalServiceService>;
  /** A client of a service of the agent; always the same one for the same definition. */
  client<D extends ServiceDefinition>(definition: D): Client<D>;
  /** Aborted, with NODE_UNREACHABLE as reason, when the connection is lost. */
  readonly signal: AbortSignal;
}

export interface AgentLinkOptions {
  readonly node: string;
  /** Where the agent answers; none if it has not registered. */
  readonly addresses: readonly string[];
  readonly credentials: (node: string, address: string) => ChannelCredentials;
  readonly log: Logger;
  readonly clock: Clock;
  /** How long the agent may be silent on its journal's stream, in milliseconds; 15 s if left out. Agents give a sign of life every 5 s. */
  readonly silenceMs?: number;
  /** The wait after a lost connection, in milliseconds, doubled up to the most at each failure; 100 and 5,000 if left out. */
  readonly retryMs?: number;
  readonly maxRetryMs?: number;
}

const connectTimeoutMs = 5_000;
/** A call that is handed on has its caller's deadline; without one it ends with the caller or the connection. */
const unboundedMs = 25 * 3_600_000;

/** The connection to one node's agent, made anew for ever with back-off. */
export class AgentLink {
  readonly node: string;
  readonly #options: AgentLinkOptions;
  readonly #watchers = new Set<(state: AgentState) => void>();
  #addresses: readonly string[];
  #readdress = new AbortController();
  #state: AgentState;
  #lastContact: Date | undefined;
  #session: AgentSession | undefined;
  #next = Promise.withResolvers<AgentSession>();
  readonly #firstAttempt = Promise.withResolvers<void>();

  constructor(options: AgentLinkOptions) {
    this.node = options.node;
    this.#addresses = options.addresses;
    this.#options = options;
    this.#state = { t: 'connecting', since: options.clock.now() };
    this.#next.promise.catch(() => undefined);
  }

  get state(): AgentState {
    return this.#state;
  }

  /** When the agent last gave a sign of life; undefined if it never did since this service started. */
  get lastContact(): Date | undefined {
    return this.#lastContact;
  }

  /** What another run of this service knew of the last contact. */
  restoreLastContact(time: Date): void {
    this.#lastContact ??= time;
  }

  /** Says where the agent answers. A changed address is tried at once where the connection is lost. */
  setAddresses(addresses: readonly string[]): void {
    if (JSON.stringify(addresses) === JSON.stringify(this.#addresses)) return;
    this.#addresses = addresses;
    this.#readdress.abort();
    this.#readdress = new AbortController();
  }

  /** Calls back now and at each change of the state; answers how to stop that. */
  onState(watcher: (state: AgentState) => void): () => void {
    this.#watchers.add(watcher);
    watcher(this.#state);
    return () => this.#watchers.delete(watcher);
  }

  /** The present connection, or the next one. */
  session(signal: AbortSignal): Promise<AgentSession> {
    return raceAbort(this.#next.promise, signal);
  }

  /** The present connection; throws NODE_UNREACHABLE at once where there is none. Only the very first attempt is waited for. */
  async require(signal: AbortSignal): Promise<AgentSession> {
    if (this.#state.t === 'connecting') await raceAbort(this.#firstAttempt.promise, signal);
    return this.#session ?? this.#unreachable();
  }

  /** Tells of a sign of life that came by another stream than the link's own. */
  sawLife(session: AgentSession): void {
    if (session === this.#session) this.#lastContact = this.#options.clock.now();
  }

  /** Connects, and again when the connection is lost, until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { retryMs = 100, maxRetryMs = 5_000 } = this.#options;
    let delayMs = retryMs;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      let why: string;
      try {
        const address = this.#addresses[attempt % Math.max(1, this.#addresses.length)];
        if (address === undefined) throw new Error('it has not registered an address');
        await this.#connect(address, signal, () => {
          delayMs = retryMs;
        });
        why = 'its agent ended the connection';
      } catch (thrown) {
        why = whyOf(thrown);
      }
      if (signal.aborted) break;
      this.#lost(why);
      const woken = AbortSignal.any([signal, this.#readdress.signal]);
      await sleep(delayMs * (0.5 + Math.random()), woken).catch(() => undefined);
      delayMs = Math.min(delayMs * 2, maxRetryMs);
    }
    this.#become({ t: 'unreachable', since: this.#options.clock.now(), why: 'the service is shutting down' });
    this.#firstAttempt.resolve();
    this.#next.reject(nodeUnreachable(this.node, this.#lastContact, 'the service is shutting down'));
  }

  /** Connects to one address and stays until the connection is lost. */
  async #connect(address: string, signal: AbortSignal, onLife: () => void): Promise<void> {
    const channel = openChannel(address, {
      credentials: this.#options.credentials(this.node, address),
      keepaliveMs: 10_000,
      keepaliveTimeoutMs: 5_000,
      keepaliveWhenIdle: true,
    });
    const end = new AbortController();
    try {
      const atConnect = await createClient(NodeServiceService, channel).getNode(
        { name: nodeName(this.node) },
        { signal, timeoutMs: connectTimeoutMs },
      );
      if (atConnect.name !== nodeName(this.node)) throw new Error(`the agent at ${address} is ${atConnect.name}'s`);
      this.#lastContact = this.#options.clock.now();
      this.#ready(makeSession(this.node, atConnect, channel, end.signal), address);
      const stream = createClient(JournalServiceService, channel).readJournal(
        { kind: 'node', epoch: atConnect.journalEpoch, after: atConnect.journalNumber, follow: true, known: [] },
        { signal },
      );
      for await (const _sign of withDeadman(stream, this.#options.silenceMs ?? 15_000)) {
        this.#lastContact = this.#options.clock.now();
        onLife();
      }
    } finally {
      this.#session = undefined;
      end.abort(nodeUnreachable(this.node, this.#lastContact, 'the connection was lost', true));
      channel.close();
    }
  }

  #ready(session: AgentSession, address: string): void {
    this.#session = session;
    this.#options.log.info({ node: this.node, address }, 'the node is reached');
    this.#become({ t: 'ready', since: this.#options.clock.now() });
    this.#next.resolve(session);
    this.#firstAttempt.resolve();
  }

  #lost(why: string): void {
    const { t } = this.#state;
    if (t === 'ready') {
      this.#next = Promise.withResolvers<AgentSession>();
      this.#next.promise.catch(() => undefined);
    }
    if (t !== 'unreachable')
      this.#options.log.warn({ node: this.node, why, lastContact: this.#lastContact }, 'the node cannot be reached; trying on');
    this.#become({ t: 'unreachable', since: t === 'unreachable' ? this.#state.since : this.#options.clock.now(), why });
    this.#firstAttempt.resolve();
  }

  #become(state: AgentState): void {
    const changed = state.t !== this.#state.t;
    this.#state = state;
    if (changed) for (const watcher of this.#watchers) watcher(state);
  }

  #unreachable(): never {
    throw nodeUnreachable(this.node, this.#lastContact, this.#state.t === 'unreachable' ? this.#state.why : 'the connection was lost');
  }
}

function makeSession(node: string, atConnect: Node, channel: Channel, signal: AbortSignal): AgentSession {
  const clients = new Map<ServiceDefinition, unknown>();
  return {
    node,
    atConnect,
    signal,
    journal: createClient(JournalServiceService, channel),
    client<D extends ServiceDefinition>(definition: D): Client<D> {
      let client = clients.get(definition);
      if (client === undefined) {
        client = createClient(definition, channel, { timeoutMs: unboundedMs });
        clients.set(definition, client);
      }
      return client as Client<D>;
    },
  };
}

const whyOf = (thrown: unknown): string => connectionError(thrown instanceof Error ? thrown.message : String(thrown));

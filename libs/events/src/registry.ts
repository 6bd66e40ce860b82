import { isNodeId, sleep } from '@virtmesh/base';
import type { EventBus } from './bus.ts';
import { Bucket } from './bucket.ts';
import type { EventLog } from './log.ts';
import { registryBucket } from './subjects.ts';

/** How an agent says where its node is found. It says nothing of whether the agent lives. */
export interface NodeRegistration {
  /** The node's id. */
  readonly node: string;
  readonly nodeUid: string;
  /** Where the agent answers, best first: `unix:/path`, `host:port`. */
  readonly addresses: readonly string[];
  readonly agentVersion: string;
  readonly startTime: Date;
}

/** A change of the registry, or word that all registrations that were there have been told. */
export type RegistryChange =
  | { readonly t: 'registered'; readonly registration: NodeRegistration }
  | { readonly t: 'removed'; readonly node: string }
  | { readonly t: 'caught-up' };

const refreshMs = 5 * 60_000;
const firstRetryMs = 250;
const maxRetryMs = 30_000;

/** The list of nodes in NATS, which agents write and services follow. */
export class NodeRegistry {
  readonly #bucket: Bucket;
  readonly #log: EventLog;

  /** `agent`: this user may write its own key only, and a service makes the bucket. */
  constructor(options: { bus: EventBus; log: EventLog; agent?: boolean; replicas?: number }) {
    this.#log = options.log;
    this.#bucket = new Bucket({
      bus: options.bus,
      log: options.log,
      name: registryBucket,
      description: 'The nodes of virtmesh and where their agents answer',
      ...(options.agent ? { mustExist: true } : {}),
      ...(options.replicas ? { replicas: options.replicas } : {}),
    });
  }

  /** Writes a registration once, under the node's own key. */
  async register(registration: NodeRegistration, signal: AbortSignal): Promise<void> {
    await this.#bucket.put(registration.node, encodeRegistration(registration), signal);
  }

  /** Writes a registration, and again now and then in case it was lost, until the signal. */
  async keepRegistered(registration: NodeRegistration, signal: AbortSignal): Promise<void> {
    let retryMs = firstRetryMs;
    while (!signal.aborted) {
      let waitMs = refreshMs;
      try {
        await this.register(registration, signal);
        retryMs = firstRetryMs;
      } catch (thrown) {
        if (signal.aborted) return;
        if (retryMs === firstRetryMs)
          this.#log.warn({ node: registration.node, error: String(thrown) }, 'the node could not be registered in NATS; trying on');
        waitMs = retryMs;
        retryMs = Math.min(retryMs * 2, maxRetryMs);
      }
      await sleep(waitMs * (0.75 + Math.random() / 2), signal).catch(() => undefined);
    }
  }

  /** Follows the registrations; after each reconnection all of them are told again. */
  async *watch(signal: AbortSignal): AsyncGenerator<RegistryChange> {
    for await (const change of this.#bucket.watch(signal)) {
      if (change.t === 'caught-up') {
        yield change;
        continue;
      }
      const { key, value, removed } = change.entry;
      if (removed) {
        yield { t: 'removed', node: key };
        continue;
      }
      const registration = decodeRegistration(key, value);
      if (registration) yield { t: 'registered', registration };
      else this.#log.warn({ key }, 'a registration in NATS cannot be read and is left out');
    }
  }
}

const encodeRegistration = (registration: NodeRegistration): Uint8Array =>
  Buffer.from(JSON.stringify({ ...registration, startTime: registration.startTime.toISOString() }));

/** The registration under a key, or undefined where it is malformed or says it is another node's. */
function decodeRegistration(key: string, value: Uint8Array): NodeRegistration | undefined {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(value).toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof json !== 'object' || json === null) return undefined;
  const { node, nodeUid, addresses, agentVersion, startTime } = json as Record<string, unknown>;
  if (node !== key || !isNodeId(key) || typeof nodeUid !== 'string' || typeof agentVersion !== 'string' || typeof startTime !== 'string')
    return undefined;
  if (!Array.isArray(addresses) || !addresses.every((address) => typeof address === 'string') || Number.isNaN(Date.parse(startTime)))
    return undefined;
  return { node: key, nodeUid, addresses, agentVersion, startTime: new Date(startTime) };
}

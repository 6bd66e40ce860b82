import { anyNode, Fault, raceAbort } from '@virtmesh/base';
import { type CallContext, type CallOptions, forwardOptions, peerStatus } from '@virtmesh/kit';
import type { AgentLink, AgentSession } from './agent-link.ts';
import { connectionError, nodeUnreachable } from './agent-state.ts';
import type { Fleet } from './fleet.ts';
import type { FleetIndex, IndexEntry } from './fleet-index.ts';

/** How the names of one collection are understood. */
export interface NameForm {
  /** Takes a name apart; throws NAME_INVALID. */
  parse(name: string, field: string): { readonly node: string; readonly id: string | undefined; readonly uid: string | undefined };
  /** The fault for a name that no object has. */
  notFound(name: string, unreachable: readonly string[]): Fault;
}

/** Where a call goes. */
export interface Route {
  readonly link: AgentLink;
  readonly session: AgentSession;
  /** The object's name as its agent knows it. */
  readonly name: string;
}

export interface RouterOptions {
  readonly fleet: Fleet;
  readonly index: FleetIndex;
  readonly form: NameForm;
  /** Settles when the index is complete, see FeedSet. */
  readonly settled: (signal: AbortSignal) => Promise<void>;
}

/** How long a name that is looked for over all nodes may take to come into the index: what its caller has just made is not missed. */
const lookupMs = 300;

/** Finds the agent for a name. */
export class Router {
  readonly #options: RouterOptions;

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  /** The agent of an object, and the object's name there. NODE_UNREACHABLE at once where the agent does not answer. */
  async toObject(name: string, field: string, signal: AbortSignal): Promise<Route> {
    const { fleet, form } = this.#options;
    const { node, id, uid } = form.parse(name, field);
    if (node !== anyNode) return this.#route(await fleet.link(node, signal), name, signal);
    await this.#options.settled(signal);
    const found = this.#find(id, uid) ?? (await this.#appears(id, uid, signal));
    if (found.length > 1)
      throw ambiguous(
        field,
        name,
        found.map((entry) => entry.name),
      );
    const [entry] = found;
    if (!entry) throw form.notFound(name, this.#unreachable());
    return this.#route(await fleet.link(entry.node, signal), entry.name, signal);
  }

  /** The agent of a node; `-` stands for the only one. */
  async toNode(node: string, field: string, signal: AbortSignal): Promise<Omit<Route, 'name'>> {
    const { fleet } = this.#options;
    if (node !== anyNode) return this.#route(await fleet.link(node, signal), '', signal);
    await fleet.settled(signal);
    const [only, ...others] = fleet.links;
    if (!only) throw new Fault('NODE_NOT_FOUND', 'there is no node yet; start an agent that registers in the same NATS', { node });
    if (others.length > 0)
      throw ambiguous(
        field,
        'nodes/-',
        fleet.links.map((link) => `nodes/${link.node}`),
      );
    return this.#route(only, '', signal);
  }

  async #route(link: AgentLink, name: string, signal: AbortSignal): Promise<Route> {
    return { link, session: await link.require(signal), name };
  }

  #find(id: string | undefined, uid: string | undefined): readonly IndexEntry[] | undefined {
    const { index } = this.#options;
    const entries = uid === undefined ? index.withId(id ?? '') : index.withUid(uid);
    return entries.length > 0 ? entries : undefined;
  }

  async #appears(id: string | undefined, uid: string | undefined, signal: AbortSignal): Promise<readonly IndexEntry[]> {
    const { promise, resolve } = Promise.withResolvers<readonly IndexEntry[]>();
    const stop = this.#options.index.onChange(() => {
      const found = this.#find(id, uid);
      if (found) resolve(found);
    });
    const timer = setTimeout(() => resolve([]), lookupMs);
    try {
      return await raceAbort(promise, signal);
    } finally {
      clearTimeout(timer);
      stop();
    }
  }

  #unreachable(): readonly string[] {
    return this.#options.fleet.links.filter((link) => link.state.t !== 'ready').map((link) => link.node);
  }
}

function ambiguous(field: string, name: string, candidates: readonly string[]): Fault {
  const [few, more] = [candidates.slice(0, 20), candidates.length > 20 ? ' and more' : ''];
  return new Fault('NAME_AMBIGUOUS', `${field} ${name} can be any of ${few.join(', ')}${more}; name one of them`, {
    field,
    name,
    candidates: few.join(','),
  });
}

/** Makes a call at an agent for a caller, with its identity, deadline and cancellation. A lost connection is NODE_UNREACHABLE. */
export async function callThrough<R>(
  to: Pick<Route, 'link' | 'session'>,
  context: CallContext,
  call: (options: CallOptions) => Promise<R>,
): Promise<R> {
  try {
    return await call(forwardOptions(context));
  } catch (thrown) {
    throw asNodeFault(to, thrown);
  }
}

/** As callThrough, for what an agent sends as a stream. */
export async function* streamThrough<R>(
  to: Pick<Route, 'link' | 'session'>,
  context: CallContext,
  call: (options: CallOptions) => AsyncIterable<R>,
): AsyncGenerator<R> {
  try {
    yield* call(forwardOptions(context));
  } catch (thrown) {
    throw asNodeFault(to, thrown);
  }
}

/** A failure of the connection as the fault of the node; what the agent itself answered stays as it is. */
function asNodeFault({ link, session }: Pick<Route, 'link' | 'session'>, thrown: unknown): unknown {
  const { node, lastContact } = link;
  // A call that comes just after the loss finds the connection closed.
  if (!Fault.is(thrown)) return session.signal.aborted ? nodeUnreachable(node, lastContact, 'the connection was lost') : thrown;
  if (thrown.reason !== 'SERVER_UNREACHABLE' || peerStatus(thrown)?.reason !== undefined) return thrown;
  return nodeUnreachable(node, lastContact, connectionError(thrown.message), true);
}

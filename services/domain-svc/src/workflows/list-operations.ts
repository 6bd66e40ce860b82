import { decodeToken, encodeToken, Fault } from '@virtmesh/base';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import {
  type ListOperationsRequest,
  type ListOperationsResponse,
  OperationServiceService,
} from '@virtmesh/contracts/operation/v1/operation_service';
import { type AgentLink, callThrough } from '@virtmesh/fleet';
import { type CallContext, pageSize } from '@virtmesh/kit';
import { type FleetParts, silentReasons } from './parts.ts';

/** Where a page ended with one node: in the page that its agent names by `token`, after an operation; `done` at its end. */
interface NodePlace {
  readonly token: string;
  readonly after: string;
  readonly done: boolean;
}

/** One node's operations while pages are put together. */
interface Source {
  readonly link: AgentLink;
  waiting: Operation[];
  place: NodePlace;
  nextToken: string;
  /** It failed to answer: nothing more of it is in this page, and the next one asks again at its place. */
  lost: boolean;
}

const tag = 'fleet-operations';
const agentTimeoutMs = 5_000;

/** One page of the fleet's operations, newest first: the nodes' own lists, merged. */
export async function listOperations(
  { fleet }: Pick<FleetParts, 'fleet'>,
  request: ListOperationsRequest,
  caller: CallContext,
): Promise<ListOperationsResponse> {
  const size = pageSize(request.pageSize);
  const places = readPlaces(request.pageToken);
  await fleet.settled(caller.signal);
  const sources = fleet.links.map((link): Source => {
    const place = places.get(link.node) ?? { token: '', after: '', done: false };
    return { link, waiting: [], place, nextToken: '', lost: false };
  });
  const load = (source: Source, token: string): Promise<void> => loadPage(source, { ...request, pageSize: size, pageToken: token }, caller);
  await Promise.all(sources.filter(({ place }) => !place.done).map((source) => load(source, source.place.token)));
  const operations: Operation[] = [];
  let more: Source | undefined;
  for (;;) {
    for (const source of sources) {
      while (source.waiting.length === 0 && source.nextToken !== '' && !source.lost) await load(source, source.nextToken);
      if (source.waiting.length === 0 && !source.lost) source.place = { ...source.place, done: true };
    }
    more = newestOf(sources);
    if (!more || operations.length >= size) break;
    const [operation, ...rest] = more.waiting;
    if (operation) operations.push(operation);
    more.waiting = rest;
    more.place = { ...more.place, after: operation?.name ?? '' };
  }
  const reached = sources.map(({ link, place }) => [link.node, place.token, place.after, place.done]);
  return {
    operations,
    nextPageToken: more ? encodeToken(tag, reached) : '',
    unreachable: sources.filter(({ lost }) => lost).map(({ link }) => link.node),
  };
}

/** Asks a node for the page of a token, and takes what comes after the source's place. */
async function loadPage(source: Source, request: ListOperationsRequest, caller: CallContext): Promise<void> {
  const { link } = source;
  try {
    const session = await link.require(caller.signal);
    const asked = { ...request, parent: `nodes/${link.node}` };
    const page = await callThrough({ link, session }, caller, (options) =>
      session
        .client(OperationServiceService)
        .listOperations(asked, { ...options, timeoutMs: Math.min(agentTimeoutMs, options.timeoutMs ?? agentTimeoutMs) }),
    );
    const seen = page.operations.findIndex((operation) => operation.name === source.place.after);
    source.waiting = page.operations.slice(seen + 1);
    source.nextToken = page.nextPageToken;
    source.place = { ...source.place, token: request.pageToken };
  } catch (thrown) {
    if (caller.signal.aborted || !Fault.is(thrown, ...silentReasons)) throw thrown;
    source.lost = true;
  }
}

/** The source whose next operation is the newest of all. */
const newestOf = (sources: readonly Source[]): Source | undefined =>
  sources
    .filter((source) => source.waiting.length > 0)
    .reduce<Source | undefined>(
      (best, source) => (best === undefined || isNewer(source.waiting[0], best.waiting[0]) ? source : best),
      undefined,
    );

const isNewer = (a: Operation | undefined, b: Operation | undefined): boolean =>
  (a?.createTime?.getTime() ?? 0) > (b?.createTime?.getTime() ?? 0);

function readPlaces(token: string): Map<string, NodePlace> {
  const places = new Map<string, NodePlace>();
  if (token === '') return places;
  const value = decodeToken(tag, token, 'page_token');
  for (const item of Array.isArray(value) ? (value as unknown[]) : [undefined]) {
    const [node, agentToken, after, done] = Array.isArray(item) ? (item as unknown[]) : [];
    if (typeof node !== 'string' || typeof agentToken !== 'string' || typeof after !== 'string' || typeof done !== 'boolean') {
      throw new Fault(
        'TOKEN_INVALID',
        'page_token is not a token that this server made; leave it out to begin anew',
        { field: 'page_token' },
        { violations: [{ field: 'page_token', description: 'must be a token from an earlier answer of the same rpc' }] },
      );
    }
    places.set(node, { token: agentToken, after, done });
  }
  return places;
}

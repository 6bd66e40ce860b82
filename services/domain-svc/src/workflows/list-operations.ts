import { decodeToken, encodeToken, Fault } from '@virtmesh/base';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import {
  type ListOperationsRequest,
  type ListOperationsResponse,
  OperationServiceService,
} from '@virtmesh/contracts/operation/v1/operation_service';
import { type AgentLink, callThrough } from '@virtmesh/fleet';
import { type CallContext, pageSize } from '@virtmesh/kit';
import type { FleetParts } from './parts.ts';

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
  const unreachable: string[] = [];
  const load = async (source: Source, token: string): Promise<boolean> => {
    const { link } = source;
    try {
      const session = await link.require(caller.signal);
      const asked = { ...request, parent: `nodes/${link.node}`, pageSize: size, pageToken: token };
      const page = await callThrough({ link, session }, caller, (options) =>
        session
          .client(OperationServiceService)
          .listOperations(asked, { ...options, timeoutMs: Math.min(agentTimeoutMs, options.timeoutMs ?? agentTimeoutMs) }),
      );
      const seen = page.operations.findIndex((operation) => operation.name === source.place.after);
      source.waiting = page.operations.slice(seen + 1);
      source.nextToken = page.nextPageToken;
      source.place = { ...source.place, token };
      return true;
    } catch (thrown) {
      if (caller.signal.aborted || !Fault.is(thrown, 'NODE_UNREACHABLE', 'DEADLINE_EXCEEDED', 'SHUTTING_DOWN')) throw thrown;
      unreachable.push(link.node);
      return false;
    }
  };
  const all = fleet.links.map((link): Source => ({
    link,
    waiting: [],
    place: places.get(link.node) ?? { token: '', after: '', done: false },
    nextToken: '',
  }));
  const loaded = await Promise.all(all.map(async (source) => source.place.done || (await load(source, source.place.token))));
  const sources = all.filter((_, at) => loaded[at]);
  const operations: Operation[] = [];
  for (;;) {
    for (const source of sources) {
      while (source.waiting.length === 0 && source.nextToken !== '' && (await load(source, source.nextToken)));
      if (source.waiting.length === 0) source.place = { ...source.place, done: true };
    }
    const newest = sources
      .filter((source) => source.waiting.length > 0)
      .reduce<Source | undefined>(
        (best, source) => (best === undefined || isNewer(source.waiting[0], best.waiting[0]) ? source : best),
        undefined,
      );
    if (!newest) return { operations, nextPageToken: '', unreachable };
    if (operations.length >= size) break;
    const [operation, ...rest] = newest.waiting;
    if (operation) operations.push(operation);
    newest.waiting = rest;
    newest.place = { ...newest.place, after: operation?.name ?? '' };
  }
  return {
    operations,
    nextPageToken: encodeToken(
      tag,
      sources.map(({ link, place }) => [link.node, place.token, place.after, place.done]),
    ),
    unreachable,
  };
}

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

import { decodeToken, encodeToken, Fault } from '@virtmesh/base';
import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import {
  DomainServiceService,
  type ListDomainStatsRequest,
  type ListDomainStatsResponse,
} from '@virtmesh/contracts/domain/v1/domain_service';
import type { DomainStats } from '@virtmesh/contracts/domain/v1/stats';
import { type AgentLink, callThrough } from '@virtmesh/fleet';
import { type CallContext, checkDuration, pageSize } from '@virtmesh/kit';
import { type FleetParts, silentReasons } from './parts.ts';

/** Where a page ended: at a node, in the page that its agent names by `token`, after a domain's name. */
interface Place {
  readonly node: string;
  readonly token: string;
  readonly after: string;
}

const tag = 'fleet-domain-stats';
const guestTimeout = { field: 'guest_timeout', defaultMs: 500, minMs: 1, maxMs: 30_000 };
/** What an agent may take beyond the time for its guests before it is taken as unreachable for this answer. */
const agentMarginMs = 2_000;
const nodesAtOnce = 32;

type Source = Pick<FleetParts, 'fleet' | 'index'>;

/** One page of statistics over the fleet, by the domains' names: as many nodes are asked at once as the page is likely to need. */
export async function listStats(
  { fleet, index }: Source,
  request: ListDomainStatsRequest,
  caller: CallContext,
): Promise<ListDomainStatsResponse> {
  const size = pageSize(request.pageSize);
  const timeoutMs = checkDuration(request.guestTimeout, guestTimeout) + agentMarginMs;
  const begin = readPlace(request.pageToken);
  await fleet.settled(caller.signal);
  const { links } = fleet;
  const unreachable = new Set(links.filter((link) => link.state.t !== 'ready').map((link) => link.node));
  const stats: DomainStats[] = [];
  let todo = links.filter((link) => begin === undefined || `${link.node}/` >= `${begin.node}/`);
  let place: Place | undefined;
  const ask = async (link: AgentLink, token: string): Promise<ListDomainStatsResponse | undefined> => {
    if (unreachable.has(link.node)) return undefined;
    try {
      const session = await link.require(caller.signal);
      const asked = { ...request, parent: `nodes/${link.node}`, pageSize: size, pageToken: token };
      return await callThrough({ link, session }, caller, (options) =>
        session
          .client(DomainServiceService)
          .listDomainStats(asked, { ...options, timeoutMs: Math.min(timeoutMs, options.timeoutMs ?? timeoutMs) }),
      );
    } catch (thrown) {
      if (caller.signal.aborted || !Fault.is(thrown, ...silentReasons)) throw thrown;
      unreachable.add(link.node);
      return undefined;
    }
  };
  while (todo.length > 0 && place === undefined) {
    const wave = nextWave(todo, size - stats.length, (node) => expectedOf(index, node, request.includeInactive));
    todo = todo.slice(wave.length);
    const answers = await Promise.all(wave.map((link) => ask(link, begin?.node === link.node ? begin.token : '')));
    for (const [at, link] of wave.entries()) {
      const start = begin?.node === link.node ? begin : { node: link.node, token: '', after: '' };
      place = await takeNode(start, answers[at], stats, size, (token) => ask(link, token));
      const following = wave[at + 1] ?? todo[0];
      if (!place && stats.length >= size && following) place = { node: following.node, token: '', after: '' };
      if (place) break;
    }
  }
  return {
    stats,
    nextPageToken: place ? encodeToken(tag, [place.node, place.token, place.after]) : '',
    unreachable: [...unreachable].toSorted(byCodeUnits),
  };
}

/** Takes one node's statistics, page by page, as long as there is room; answers where it stopped before their end. */
async function takeNode(
  start: Place,
  first: ListDomainStatsResponse | undefined,
  stats: DomainStats[],
  size: number,
  ask: (token: string) => Promise<ListDomainStatsResponse | undefined>,
): Promise<Place | undefined> {
  let { token, after } = start;
  let answer = first;
  while (answer) {
    for (const item of answer.stats) {
      if (item.name <= after) continue;
      if (stats.length >= size) return { node: start.node, token, after };
      stats.push(item);
      after = item.name;
    }
    token = answer.nextPageToken;
    if (token === '') return undefined;
    if (stats.length >= size) return { node: start.node, token, after };
    answer = await ask(token);
  }
  return undefined;
}

/** The nodes whose domains fill what is left of the page, by what the index has of them. */
function nextWave(links: readonly AgentLink[], room: number, expected: (node: string) => number): AgentLink[] {
  const wave: AgentLink[] = [];
  let sum = 0;
  for (const link of links) {
    if (wave.length >= nodesAtOnce || (wave.length > 0 && sum >= room)) break;
    wave.push(link);
    sum += expected(link.node);
  }
  return wave;
}

const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const expectedOf = (index: Source['index'], node: string, inactive: boolean): number =>
  index.ofNode(node).filter((entry) => inactive || entry.state !== DomainState.SHUTOFF).length;

function readPlace(token: string): Place | undefined {
  if (token === '') return undefined;
  const value = decodeToken(tag, token, 'page_token');
  const [node, agentToken, after] = Array.isArray(value) ? (value as unknown[]) : [];
  if (typeof node === 'string' && typeof agentToken === 'string' && typeof after === 'string') return { node, token: agentToken, after };
  throw new Fault(
    'TOKEN_INVALID',
    'page_token is not a token that this server made; leave it out to begin anew',
    { field: 'page_token' },
    { violations: [{ field: 'page_token', description: 'must be a token from an earlier answer of the same rpc' }] },
  );
}

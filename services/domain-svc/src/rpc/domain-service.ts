import { anyNode, Fault, isUuid, nodeName, parseNodeName } from '@virtmesh/base';
import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import {
  DomainServiceService,
  DomainView,
  type ListDomainsRequest,
  ListDomainStatsRequest,
  ListDomainStatsResponse,
  type WatchDomainsRequest,
  type WatchDomainsResponse,
} from '@virtmesh/contracts/domain/v1/domain_service';
import { NodeServiceService } from '@virtmesh/contracts/node/v1/node_service';
import {
  bytesService,
  callThrough,
  type ListLayout,
  listIndexed,
  readStringField,
  streamThrough,
  watchFleet,
  withStringField,
} from '@virtmesh/fleet';
import {
  AnswerCache,
  type CallContext,
  type CallOptions,
  checkEnum,
  type Client,
  defineService,
  domainRoles,
  pageSize,
  type ServiceBinding,
  type UnaryHandler,
} from '@virtmesh/kit';
import type { FleetParts } from '../workflows/parts.ts';
import { listStats } from '../workflows/list-stats.ts';
import { exec, openConsole } from './joined-streams.ts';

/** The numbers of fields in ListDomainsResponse and Domain. */
const layout: ListLayout = { items: 1, nextPageToken: 2, resumeToken: 3, unreachable: 4, asOf: 5, objectAsOf: 12 };
const watchTag = 'fleet-domains';
/** In every request the first field says where it goes. */
const nameField = 1;
const minRevisionWaitMs = 10_000;

/** The calls that are about one domain, which their first field names, and are handed on as they are. */
const aboutOneDomain = [
  'getDomain',
  'updateDomain',
  'deleteDomain',
  'startDomain',
  'shutdownDomain',
  'destroyDomain',
  'rebootDomain',
  'suspendDomain',
  'resumeDomain',
  'setDomainAutostart',
  'getDomainStats',
  'renameDomain',
  'attachDomainDevice',
  'detachDomainDevice',
  'updateDomainDevice',
  'resizeDomainDisk',
  'saveDomain',
  'removeDomainManagedSave',
  'dumpDomain',
  'sendDomainKeys',
  'listDomainAddresses',
  'freezeDomainFilesystems',
  'thawDomainFilesystems',
  'getDomainGuestInfo',
] as const satisfies readonly (keyof typeof DomainServiceService)[];

const throughBytes = bytesService(DomainServiceService);
type Agent = Client<typeof throughBytes>;

export function domainService(parts: FleetParts): ServiceBinding {
  const { clock, domainKind, domains, fleet, index, router } = parts;
  const source = {
    answers: new AnswerCache({ clock }),
    fleet,
    index,
    feeds: domains,
    kind: domainKind,
    layout,
    pageTag: 'fleet-list-domains',
    resumeTag: watchTag,
  };
  const definition = {
    ...throughBytes,
    listDomains: { ...DomainServiceService.listDomains, responseSerialize: (bytes: Buffer) => bytes },
    watchDomains: DomainServiceService.watchDomains,
  };

  /** Hands a call about a domain to its agent. */
  const toDomain =
    (call: (agent: Agent, request: Buffer, options: CallOptions) => Promise<Buffer>) =>
    async (request: Buffer, caller: CallContext): Promise<Buffer> => {
      const name = readStringField(request, nameField);
      const route = await router.toObject(name, 'name', caller.signal);
      const sent = route.name === name ? request : withStringField(request, nameField, route.name);
      return callThrough(route, caller, (options) => call(route.session.client(throughBytes), sent, options));
    };

  /** A handler for each call that is handed on as it is. */
  function handedOn(): Record<(typeof aboutOneDomain)[number], UnaryHandler<Buffer, Buffer>> {
    const handlers = aboutOneDomain.map((method) => [method, toDomain((agent, request, options) => agent[method](request, options))]);
    return Object.fromEntries(handlers) as ReturnType<typeof handedOn>;
  }

  async function* screenshot(request: Buffer, caller: CallContext): AsyncGenerator<Buffer> {
    const name = readStringField(request, nameField);
    const route = await router.toObject(name, 'name', caller.signal);
    const sent = route.name === name ? request : withStringField(request, nameField, route.name);
    yield* streamThrough(route, caller, (options) => route.session.client(throughBytes).takeDomainScreenshot(sent, options));
  }

  /** Hands a call about a node to its agent. */
  const toNode =
    (field: string, call: (agent: Agent, request: Buffer, options: CallOptions) => Promise<Buffer>) =>
    async (request: Buffer, caller: CallContext): Promise<Buffer> => {
      const node = parseNodeName(readStringField(request, nameField), field);
      const { link, session } = await router.toNode(node, field, caller.signal);
      const sent = node === anyNode ? withStringField(request, nameField, `nodes/${link.node}`) : request;
      return callThrough({ link, session }, caller, (options) => call(session.client(throughBytes), sent, options));
    };

  const scopeOf = async (parent: string, signal: AbortSignal): Promise<string | undefined> => {
    const node = parseNodeName(parent, 'parent');
    return node === anyNode ? undefined : (await fleet.link(node, signal)).node;
  };

  const list = async (request: ListDomainsRequest, caller: CallContext): Promise<Buffer> => {
    const node = await scopeOf(request.parent, caller.signal);
    const size = pageSize(request.pageSize);
    checkEnum(DomainView, request.view, 'view');
    checkEnum(DomainState, request.states, 'states');
    await domains.settled(caller.signal, node);
    if (request.minRevision !== 0n) await reach(node, request.minRevision, caller);
    return listIndexed(source, {
      node,
      pageSize: size,
      pageToken: request.pageToken,
      full: request.view === DomainView.FULL,
      states: request.states,
      labels: request.labels,
    });
  };

  /** Waits until the list has a change that a caller knows of. */
  const reach = async (node: string | undefined, revision: bigint, caller: CallContext): Promise<void> => {
    const feed = node === undefined ? undefined : domains.get(node);
    if (!feed) throw invalid('min_revision', 'needs a single node as parent, since revisions are those of a node');
    if (revision < 0n) throw invalid('min_revision', 'must not be negative');
    if ((feed.point?.number ?? 0n) >= revision) return;
    const session = await feed.link.require(caller.signal);
    const asked = { name: nodeName(feed.node) };
    const { journalNumber } = await callThrough({ link: feed.link, session }, caller, (options) =>
      session.client(NodeServiceService).getNode(asked, options),
    );
    if (revision > journalNumber)
      throw invalid('min_revision', `must be a revision that this node answered; its newest is ${journalNumber}`);
    const leftMs = caller.deadline ? caller.deadline.getTime() - clock.now().getTime() - 100 : Infinity;
    await feed.reach(revision, Math.max(1, Math.min(minRevisionWaitMs, leftMs)), caller.signal);
  };

  async function* watch(request: WatchDomainsRequest, caller: CallContext): AsyncGenerator<WatchDomainsResponse> {
    const node = await scopeOf(request.parent, caller.signal);
    const uid = request.uid.toLowerCase();
    if (uid !== '' && !isUuid(uid)) throw invalid('uid', 'must be the UUID of a domain, or left out for all');
    const options = {
      feeds: domains,
      tag: watchTag,
      resumeToken: request.resumeToken,
      clock,
      ...(node === undefined ? {} : { node }),
      ...(uid === '' ? {} : { uid }),
    };
    for await (const item of watchFleet(options, caller.signal)) {
      const resumeToken = item.token;
      if (item.t === 'event') yield { resumeToken, item: { $case: 'event', value: item.event } };
      else if (item.t === 'gap') yield { resumeToken, item: { $case: 'gap', value: item.gap } };
      else yield { resumeToken, item: { $case: 'bookmark', value: { time: item.time } } };
    }
  }

  const stats = async (bytes: Buffer, caller: CallContext): Promise<Buffer> => {
    if (parseNodeName(readStringField(bytes, nameField), 'parent') !== anyNode) return oneNodesStats(bytes, caller);
    const answer = await listStats(parts, ListDomainStatsRequest.decode(bytes), caller);
    return Buffer.from(ListDomainStatsResponse.encode(answer).finish());
  };
  const oneNodesStats = toNode('parent', (agent, request, options) => agent.listDomainStats(request, options));

  return defineService(
    definition,
    {
      ...handedOn(),
      listDomains: list,
      watchDomains: watch,
      createDomain: toNode('parent', (agent, request, options) => agent.createDomain(request, options)),
      restoreDomain: toNode('parent', (agent, request, options) => agent.restoreDomain(request, options)),
      listDomainStats: stats,
      openDomainConsole: (requests, caller) => openConsole(router, requests, caller),
      execDomain: (requests, caller) => exec(router, requests, caller),
      takeDomainScreenshot: screenshot,
      getDomainCapabilities: toNode('node', (agent, request, options) => agent.getDomainCapabilities(request, options)),
    },
    domainRoles,
  );
}

const invalid = (field: string, description: string): Fault =>
  Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [{ field, description }]);

import { Fault, parseNodeName } from '@virtmesh/base';
import { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { DomainEvent } from '@virtmesh/contracts/domain/v1/domain_event';
import {
  CreateDomainRequest, DeleteDomainRequest, DestroyDomainRequest, DomainServiceService, DomainView, type GetDomainCapabilitiesRequest, type ListDomainsRequest, ListDomainsResponse,
  type ListDomainStatsRequest, type ListDomainStatsResponse, RebootDomainRequest, ResumeDomainRequest, SetDomainAutostartRequest, ShutdownDomainRequest, StartDomainRequest,
  SuspendDomainRequest, UpdateDomainRequest, type WatchDomainsRequest, type WatchDomainsResponse,
} from '@virtmesh/contracts/domain/v1/domain_service';
import type { DomainCapabilities } from '@virtmesh/contracts/domain/v1/capabilities';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { type CallContext, checkDuration, checkRequestId, defineService, faultFromStatus, paginate, type ServiceBinding } from '@virtmesh/kit';
import { featureNames } from '@virtmesh/driver-spi';
import type { ConsoleHub } from '../domains/console.ts';
import type { Engine, Mutation } from '../domains/engine.ts';
import { selects } from '../domains/model/selection.ts';
import { isActive } from '../domains/model/states.ts';
import { statsOf } from '../domains/stats.ts';
import { create } from '../domains/verbs/create.ts';
import { remove, setAutostart } from '../domains/verbs/delete.ts';
import { reboot, suspendOrResume } from '../domains/verbs/run-state.ts';
import { start } from '../domains/verbs/start.ts';
import { destroy, shutdown } from '../domains/verbs/stop.ts';
import { update } from '../domains/verbs/update.ts';
import type { NodeJournal } from '../journal.ts';
import { DomainBytes, repeatedField } from './domain-bytes.ts';
import { followJournal, tokenAt } from './watch.ts';

const guestTimeout = { field: 'guest_timeout', defaultMs: 500, minMs: 1, maxMs: 30_000 };

export function domainService(engine: Engine, journal: NodeJournal, consoles: ConsoleHub): ServiceBinding {
  const { clock, drivers, node, registry } = engine.parts;
  const bytes = new DomainBytes();
  const asBytes = (value: unknown): Buffer => value as Buffer;

  const list = (request: ListDomainsRequest): Buffer => {
    registry.checkNode({ node: parseNodeName(request.parent, 'parent') });
    checkRevision(request.minRevision, journal);
    const selection = { states: request.states, labels: request.labels };
    const all = registry.sorted();
    const unfiltered = request.states.length === 0 && Object.keys(request.labels).length === 0;
    const items = unfiltered ? all : all.filter((entry) => selects(selection, entry.domain));
    const page = paginate({ items, pageSize: request.pageSize, pageToken: request.pageToken, tag: 'domains', scope: selection, keyOf: (entry) => entry.guest.id });
    const view = request.view === DomainView.FULL ? DomainView.FULL : DomainView.BASIC;
    const rest = ListDomainsResponse.encode(
      ListDomainsResponse.fromPartial({ nextPageToken: page.nextPageToken, resumeToken: tokenAt(journal, journal.last), asOf: { [node]: clock.now() } }),
    ).finish();
    return Buffer.concat([repeatedField(1, page.items.map((entry) => bytes.of(entry.domain, view))), rest]);
  };

  const definition = {
    ...DomainServiceService,
    getDomain: { ...DomainServiceService.getDomain, responseSerialize: asBytes },
    listDomains: { ...DomainServiceService.listDomains, responseSerialize: asBytes },
  };
  return defineService(
    definition,
    {
      getDomain: (request: { name: string; view: DomainView }) => {
        const { domain } = registry.find(request.name);
        const view = request.view === DomainView.BASIC ? DomainView.BASIC : DomainView.FULL;
        return Buffer.concat([bytes.of(domain, view), asOfField(clock.now())]) as never;
      },
      listDomains: (request: ListDomainsRequest) => list(request) as never,
      watchDomains: (request, context) => watch(request, context),
      createDomain: (request, context) => create(engine, request, mutationOf(CreateDomainRequest, request), context),
      updateDomain: (request, context) => update(engine, request, mutationOf(UpdateDomainRequest, request), context),
      deleteDomain: (request, context) => remove(engine, request, mutationOf(DeleteDomainRequest, request), context),
      startDomain: (request, context) => start(engine, request, mutationOf(StartDomainRequest, request), context),
      shutdownDomain: (request, context) => shutdown(engine, request, mutationOf(ShutdownDomainRequest, request), context),
      destroyDomain: (request, context) => destroy(engine, request, mutationOf(DestroyDomainRequest, request), context),
      rebootDomain: (request, context) => reboot(engine, request, mutationOf(RebootDomainRequest, request), context),
      suspendDomain: (request, context) => suspendOrResume(engine, 'suspend', request, mutationOf(SuspendDomainRequest, request), context),
      resumeDomain: (request, context) => suspendOrResume(engine, 'resume', request, mutationOf(ResumeDomainRequest, request), context),
      setDomainAutostart: async (request, context) => domainOf(await setAutostart(engine, request, { ...mutationOf(SetDomainAutostartRequest, request), wait: undefined }, context)),
      getDomainStats: (request, context) => statsOf(engine, registry.find(request.name), within(context.signal, guestTimeout.defaultMs)),
      listDomainStats: (request, context) => listStats(request, context.signal),
      openDomainConsole: (requests, context) => consoles.open(requests, context),
      getDomainCapabilities: (request, context) => capabilities(request, context.signal),
    },
    {
      getDomain: 'viewer',
      listDomains: 'viewer',
      watchDomains: 'viewer',
      createDomain: 'admin',
      updateDomain: 'admin',
      deleteDomain: 'admin',
      startDomain: 'operator',
      shutdownDomain: 'operator',
      destroyDomain: 'operator',
      rebootDomain: 'operator',
      suspendDomain: 'operator',
      resumeDomain: 'operator',
      setDomainAutostart: 'admin',
      getDomainStats: 'viewer',
      listDomainStats: 'viewer',
      openDomainConsole: 'viewer',
      getDomainCapabilities: 'viewer',
    },
  );

  async function* watch(request: WatchDomainsRequest, context: CallContext): AsyncIterable<WatchDomainsResponse> {
    registry.checkNode({ node: parseNodeName(request.parent, 'parent') });
    for await (const item of followJournal(journal, 'domain', request.resumeToken, clock, context.signal)) {
      if (item.t === 'bookmark') yield { resumeToken: item.token, item: { $case: 'bookmark', value: { time: item.time } } };
      else if (request.uid === '' || item.entry.uid === request.uid.toLowerCase()) yield { resumeToken: item.token, item: { $case: 'event', value: DomainEvent.decode(item.entry.body) } };
    }
  }

  async function listStats(request: ListDomainStatsRequest, signal: AbortSignal): Promise<ListDomainStatsResponse> {
    registry.checkNode({ node: parseNodeName(request.parent, 'parent') });
    const timeoutMs = checkDuration(request.guestTimeout, guestTimeout);
    const items = registry.sorted().filter((entry) => request.includeInactive || isActive(entry.state));
    const page = paginate({ items, pageSize: request.pageSize, pageToken: request.pageToken, tag: 'domain-stats', scope: request.includeInactive, keyOf: (entry) => entry.guest.id });
    const limit = within(signal, timeoutMs);
    const stats = await Promise.all(page.items.map((entry) => statsOf(engine, entry, limit)));
    return { stats, nextPageToken: page.nextPageToken, unreachable: [] };
  }

  async function capabilities(request: GetDomainCapabilitiesRequest, signal: AbortSignal): Promise<DomainCapabilities> {
    registry.checkNode({ node: parseNodeName(request.node, 'node') });
    const driver = drivers.get(request.hypervisor === '' ? 'qemu' : request.hypervisor, 'hypervisor');
    const found = await driver.host.capabilities({ arch: request.arch, machine: request.machine }, signal);
    const features = featureNames.map((name) => {
      const verdict = driver.explain(undefined, name);
      return { name, available: verdict.supported, why: verdict.supported ? '' : verdict.why };
    });
    return { ...found, features, fields: [...driver.drives].sort() };
  }
}

/** What every verb's request has; the body is the request without request id and wait. */
function mutationOf<R extends { requestId: string }>(message: { encode(value: R): { finish(): Uint8Array } }, request: R & { wait?: Mutation['wait'] }): Mutation {
  return { requestId: checkRequestId(request.requestId) ?? '', wait: request.wait, body: message.encode({ ...request, requestId: '', wait: undefined }).finish() };
}

const within = (signal: AbortSignal, ms: number): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(ms)]);

/** A message of Domain with nothing but `as_of`: appended to a domain's bytes it sets that field. */
const asOfField = (time: Date): Uint8Array => Domain.encode(Domain.fromPartial({ asOf: time })).finish();

function domainOf(operation: Operation): Domain {
  if (operation.result?.$case === 'response') return Domain.decode(operation.result.value.value);
  if (operation.result?.$case === 'error') throw faultFromStatus(operation.result.value);
  throw new Fault('DEADLINE_EXCEEDED', `the domain is busy: the operation ${operation.name} waits for its turn and goes on; wait for it`, { operation: operation.name });
}

function checkRevision(minRevision: bigint, journal: NodeJournal): void {
  if (minRevision <= BigInt(journal.last)) return;
  throw Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [{ field: 'min_revision', description: `must be a revision that this node answered; its newest is ${journal.last}` }]);
}

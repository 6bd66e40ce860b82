import { randomUUID } from 'node:crypto';
import { Fault } from '@virtmesh/base';
import { JournalServiceService } from '@virtmesh/contracts/agent/v1/journal_service';
import { type Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';
import {
  DomainServiceService,
  DomainView,
  ListDomainsResponse,
  type OpenDomainConsoleRequest,
  type OpenDomainConsoleResponse,
} from '@virtmesh/contracts/domain/v1/domain_service';
import { DomainStats } from '@virtmesh/contracts/domain/v1/stats';
import { NodeServiceService } from '@virtmesh/contracts/node/v1/node_service';
import { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { OperationServiceService } from '@virtmesh/contracts/operation/v1/operation_service';
import { type CallContext, defineService, paginate } from '@virtmesh/kit';
import type { FakeAgent } from './fake-agent.ts';

type Service = ReturnType<typeof defineService>;
type Operations = Map<string, Operation>;

/** What a fake agent serves of an agent's services, to every caller. */
export function fakeServices(agent: FakeAgent): Service[] {
  const operations: Operations = new Map();
  return [nodes(agent), journal(agent), operationsOf(operations), domains(agent, operations)];
}

const nodes = (agent: FakeAgent): Service =>
  defineService(
    NodeServiceService,
    { getNode: () => agent.read(), listNodes: () => ({ nodes: [agent.read()], nextPageToken: '', resumeToken: '' }), watchNodes: never },
    viewer(NodeServiceService),
  );

const journal = (agent: FakeAgent): Service =>
  defineService(
    JournalServiceService,
    {
      readJournal: (request, context) => agent.journal.read(request, context.signal),
      confirmJournal: (request) => {
        agent.confirmed.push(request);
        return {};
      },
    },
    viewer(JournalServiceService),
    { audience: 'services' },
  );

function operationsOf(operations: Operations): Service {
  const operation = ({ name }: { name: string }): Operation => {
    const found = operations.get(name);
    if (!found) throw new Fault('OPERATION_NOT_FOUND', `no operation ${name}`, { name });
    return found;
  };
  return defineService(
    OperationServiceService,
    {
      getOperation: operation,
      waitOperation: operation,
      cancelOperation: operation,
      watchOperation: async function* (request) {
        yield { operation: operation(request) };
      },
      listOperations: ({ pageSize, pageToken }) => {
        const keyOf = ({ name }: Operation): string => String(1_000_000 + operations.size - [...operations.keys()].indexOf(name));
        const page = paginate({ items: [...operations.values()].toReversed(), pageSize, pageToken, tag: 'ops', scope: '', keyOf });
        return { operations: [...page.items], nextPageToken: page.nextPageToken, unreachable: [] };
      },
    },
    viewer(OperationServiceService),
  );
}

function domains(agent: FakeAgent, operations: Operations): Service {
  const verb = (name: string) => async (request: { name: string }, context: CallContext) => {
    agent.calls.push({ method: name, request, context });
    await agent.hold;
    const domain = agent.find(request.name);
    const operation = Operation.fromPartial({
      name: `nodes/${agent.node}/operations/${randomUUID()}`,
      target: domain.name,
      targetUid: domain.uid,
      verb: name,
      requestor: context.caller.identity,
      createTime: new Date(),
    });
    operations.set(operation.name, operation);
    return operation;
  };
  return defineService(
    DomainServiceService,
    {
      ...reads(agent),
      createDomain: (request, context) => {
        agent.calls.push({ method: 'create', request, context });
        const domain = agent.define(request.domainId);
        return Operation.fromPartial({ name: `nodes/${agent.node}/operations/${randomUUID()}`, target: domain.name });
      },
      updateDomain: verb('update'),
      deleteDomain: verb('delete'),
      startDomain: verb('start'),
      shutdownDomain: verb('shutdown'),
      destroyDomain: verb('destroy'),
      rebootDomain: verb('reboot'),
      suspendDomain: verb('suspend'),
      resumeDomain: verb('resume'),
      attachDomainDevice: verb('attachDomainDevice'),
      detachDomainDevice: verb('detachDomainDevice'),
      updateDomainDevice: verb('updateDomainDevice'),
      resizeDomainDisk: verb('resizeDomainDisk'),
      saveDomain: verb('saveDomain'),
      dumpDomain: verb('dumpDomain'),
      freezeDomainFilesystems: verb('freezeDomainFilesystems'),
      thawDomainFilesystems: verb('thawDomainFilesystems'),
      ...notServed('renameDomain', 'restoreDomain', 'removeDomainManagedSave', 'takeDomainScreenshot', 'sendDomainKeys'),
      ...notServed('listDomainAddresses', 'getDomainGuestInfo', 'execDomain'),
    },
    viewer(DomainServiceService),
  );
}

/** The methods that change nothing. */
const reads = (agent: FakeAgent) => ({
  getDomain: async ({ name }: { name: string }, context: CallContext) => {
    agent.calls.push({ method: 'get', request: { name }, context });
    await agent.hold;
    return agent.find(name);
  },
  listDomains: ({ pageSize, pageToken, view }: { pageSize: number; pageToken: string; view: DomainView }) => {
    const page = pageOf([...agent.domains.values()], { pageSize, pageToken, tag: 'l' });
    const shown = view === DomainView.FULL ? page.items : page.items.map((each) => ({ ...each, spec: undefined, activeSpec: undefined }));
    return ListDomainsResponse.fromPartial({ domains: [...shown], nextPageToken: page.nextPageToken });
  },
  watchDomains: never,
  setDomainAutostart: ({ name }: { name: string }) => agent.find(name),
  getDomainStats: ({ name }: { name: string }) => statsOf(agent.find(name)),
  listDomainStats: async (request: { includeInactive: boolean; pageSize: number; pageToken: string }, context: CallContext) => {
    agent.calls.push({ method: 'listStats', request, context });
    await agent.hold;
    const counted = [...agent.domains.values()].filter(({ status }) => request.includeInactive || status?.state === DomainState.RUNNING);
    const page = pageOf(counted, { ...request, tag: 's' });
    return { stats: page.items.map(statsOf), nextPageToken: page.nextPageToken, unreachable: [] };
  },
  openDomainConsole: (requests: AsyncIterable<OpenDomainConsoleRequest>) => echo(agent, requests),
  getDomainCapabilities: () => {
    throw new Fault('DRIVER_UNAVAILABLE', 'there is no driver', { driver: 'none', why: 'fake' });
  },
});

function pageOf(items: readonly Domain[], { pageSize, pageToken, tag }: { pageSize: number; pageToken: string; tag: string }) {
  const byName = items.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return paginate({ items: byName, pageSize, pageToken, tag, scope: '', keyOf: (domain) => domain.name });
}

const statsOf = ({ name, uid }: Domain): DomainStats => DomainStats.fromPartial({ name, uid });

/** A console that answers in capitals. */
async function* echo(agent: FakeAgent, requests: AsyncIterable<OpenDomainConsoleRequest>): AsyncGenerator<OpenDomainConsoleResponse> {
  for await (const { item } of requests) {
    if (item?.$case === 'open')
      yield { item: { $case: 'opened', value: { name: agent.find(item.value.name).name, device: 'serial0', writable: true } } };
    else if (item?.$case === 'input') yield { item: { $case: 'output', value: Buffer.from(item.value.toString().toUpperCase()) } };
  }
}

const viewer = <D extends object>(definition: D): Record<keyof D, 'viewer'> =>
  Object.fromEntries(Object.keys(definition).map((key) => [key, 'viewer'])) as Record<keyof D, 'viewer'>;

/** Methods that this agent does not serve. */
function notServed<const M extends string>(...methods: readonly M[]): Record<M, () => never> {
  const refuse = (): never => {
    throw new Fault('FEATURE_UNSUPPORTED', 'not served by this agent', {});
  };
  return Object.fromEntries(methods.map((method) => [method, refuse])) as Record<M, () => never>;
}

// eslint-disable-next-line require-yield
async function* never(): AsyncGenerator<never> {
  throw new Fault('FEATURE_UNSUPPORTED', 'not served by this agent', {});
}

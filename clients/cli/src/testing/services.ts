import { once } from 'node:events';
import { Fault } from '@virtmesh/base';
import { DomainCapabilities } from '@virtmesh/contracts/domain/v1/capabilities';
import { Domain, DomainState, DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { LifecycleEventDetail, LifecycleEventType } from '@virtmesh/contracts/domain/v1/domain_event';
import {
  DomainServiceService,
  DomainView,
  FieldEffect,
  type FieldOutcome,
  ListDomainsResponse,
  ListDomainStatsResponse,
  OpenDomainConsoleResponse,
  RebootMode,
  UpdateDomainResult,
  WatchDomainsResponse,
} from '@virtmesh/contracts/domain/v1/domain_service';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { DomainStats } from '@virtmesh/contracts/domain/v1/stats';
import { HealthCheckResponse, HealthService } from '@virtmesh/contracts/grpc/health/v1/health';
import { Node, NodeCondition } from '@virtmesh/contracts/node/v1/node';
import { ListNodesResponse, NodeServiceService } from '@virtmesh/contracts/node/v1/node_service';
import {
  ListOperationsResponse,
  OperationServiceService,
  WatchOperationResponse,
} from '@virtmesh/contracts/operation/v1/operation_service';
import { type CallContext, defineService, type Handlers, type Role, type ServiceBinding, type ServiceDefinition } from '@virtmesh/kit';
import { deviceHandlers } from './device-handlers.ts';
import { guestHandlers } from './guest-handlers.ts';
import { packed, raise, waitMs } from './handling.ts';
import { savedStateHandlers } from './saved-state-handlers.ts';
import type { Job, World } from './world.ts';

const viewers = <D extends ServiceDefinition>(definition: D): Record<keyof D, Role> =>
  Object.fromEntries(Object.keys(definition).map((key) => [key, 'viewer'])) as Record<keyof D, Role>;

/** Handlers that note each request, and answer the fault that the test wants. */
function observed<D extends ServiceDefinition>(world: World, definition: D, handlers: Handlers<D>): ServiceBinding {
  const entries = Object.entries(handlers).map(([method, handler]) => [
    method,
    (request: unknown, context: CallContext): unknown => {
      if (method !== 'openDomainConsole' && method !== 'execDomain') world.requests.push({ method, request });
      const fault = world.faults.get(method);
      if (fault) throw fault;
      return (handler as (request: unknown, context: CallContext) => unknown)(request, context);
    },
  ]);
  return defineService(definition, Object.fromEntries(entries) as Handlers<D>, viewers(definition));
}

export function servicesOf(world: World): readonly ServiceBinding[] {
  return [
    observed(world, DomainServiceService, domainHandlers(world)),
    observed(world, OperationServiceService, operationHandlers(world)),
    observed(world, NodeServiceService, {
      getNode: ({ name }) =>
        nodes(world).find((node) => node.name === name) ?? raise(new Fault('NODE_NOT_FOUND', `there is no node ${name}`, { name })),
      listNodes: () => ListNodesResponse.fromPartial({ nodes: nodes(world) }),
      watchNodes: async function* () {},
    }),
    observed(world, HealthService, {
      check: () => HealthCheckResponse.fromPartial({ status: 1 }),
      list: () => raise(new Fault('FEATURE_UNSUPPORTED', 'not here')),
      watch: async function* () {},
    }),
  ];
}

const nodes = (world: World): Node[] => [
  Node.fromPartial({
    name: 'nodes/n1',
    uid: '11111111-1111-4111-8111-111111111111',
    condition: NodeCondition.READY,
    hostname: world.hostname,
    agentVersion: '0.1.0',
    cpu: { arch: 'x86_64', model: 'EPYC', cpus: 8, mhz: 2400 },
    memory: { totalBytes: 16n << 30n, availableBytes: 8n << 30n },
    lastContact: new Date(),
    drivers: [
      {
        type: 'qemu',
        available: true,
        version: '7.2',
        accelerators: ['tcg'],
        features: [{ name: 'migrate', available: false, why: 'not in this release' }],
      },
      { type: 'lxc', available: true, version: '5.0' },
    ],
  }),
];

function domainHandlers(world: World): Handlers<typeof DomainServiceService> {
  const move =
    (domain: Domain, state: DomainState, reason: DomainStateReason, type: LifecycleEventType, detail: LifecycleEventDetail) => () =>
      world.move(domain, state, reason, type, detail);
  const started = (domain: Domain, paused: boolean): (() => Domain) =>
    paused
      ? move(domain, DomainState.PAUSED, DomainStateReason.STARTING_UP, LifecycleEventType.SUSPENDED, LifecycleEventDetail.PAUSED)
      : move(domain, DomainState.RUNNING, DomainStateReason.BOOTED, LifecycleEventType.STARTED, LifecycleEventDetail.BOOTED);
  return {
    getDomain: ({ name }) => world.find(name),
    listDomains: ({ parent, view, pageSize, pageToken, labels }) => {
      const all = [...world.domains.values()].filter((domain) => parent === 'nodes/-' || domain.name.startsWith(`${parent}/`));
      const matching = all
        .filter((domain) => Object.entries(labels).every(([key, value]) => domain.labels[key] === value))
        .toSorted((a, b) => a.name.localeCompare(b.name));
      const from = Number(pageToken);
      const next = from + Math.min(pageSize || 100, world.mostInPage);
      const page = matching.slice(from, next);
      return ListDomainsResponse.fromPartial({
        domains: page.map((domain) => (view === DomainView.FULL ? domain : { ...domain, spec: undefined, activeSpec: undefined })),
        nextPageToken: next < matching.length ? String(next) : '',
        resumeToken: String(world.events.length),
        unreachable: world.unreachable,
        asOf: Object.fromEntries(world.unreachable.map((node) => [node, new Date(Date.now() - 90_000)])),
      });
    },
    watchDomains: async function* ({ uid, resumeToken }, { signal }) {
      for (let at = resumeToken === '' ? world.events.length : Number(resumeToken); ; at += 1) {
        while (at >= world.events.length) await once(world.happened, 'event', { signal });
        const event = world.events[at];
        if (event && (uid === '' || event.uid === uid))
          yield WatchDomainsResponse.fromPartial({ resumeToken: String(at + 1), item: { $case: 'event', value: event } });
      }
    },
    createDomain: ({ parent, domainId, uid, spec, autostart, start, startPaused, transient, wait, validateOnly }) => {
      const name = `${parent.replace('/-', '/n1')}/domains/${domainId}`;
      if (world.domains.has(name)) raise(new Fault('DOMAIN_EXISTS', `there is a domain ${name} already`, { name }));
      return world.operate(name, 'create', waitMs(wait), () => {
        if (!spec) throw new Fault('SPEC_INVALID', 'no spec');
        if (validateOnly) return Domain.fromPartial({ name });
        const domain = world.define(name, spec, { autostart, persistent: !transient, ...(uid === '' ? {} : { uid }) });
        return start || transient ? started(domain, startPaused)() : domain;
      });
    },
    updateDomain: ({ name, spec, updateMask, etag, wait, validateOnly }) => {
      const domain = world.find(name);
      if (etag !== '' && etag !== domain.etag) raise(new Fault('ETAG_MISMATCH', `${domain.name} changed meanwhile`, { name: domain.name }));
      return world.operate(domain, 'update', waitMs(wait), () => {
        const whole = updateMask?.includes('*') === true;
        const outcomes = whole
          ? [...outcomesOf(domain.spec, spec), ...[...world.waiting].map(([path, why]) => ({ path, effect: FieldEffect.NEXT_START, why }))]
          : (updateMask ?? []).map((path) => ({ path, effect: FieldEffect.NEXT_START, why: 'the guest runs' }));
        if (!validateOnly && whole) Object.assign(domain, { spec, etag: `${domain.etag}+` });
        return packed(
          'virtmesh.domain.v1.UpdateDomainResult',
          UpdateDomainResult.encode(UpdateDomainResult.fromPartial({ domain: whole ? { ...domain, spec } : domain, outcomes })).finish(),
        );
      });
    },
    deleteDomain: ({ name, wait }) => {
      const domain = world.find(name);
      return world.operate(domain, 'delete', waitMs(wait), () => {
        world.domains.delete(domain.name);
        return undefined;
      });
    },
    startDomain: ({ name, paused, wait }) => {
      const domain = world.find(name);
      if (domain.status?.state !== DomainState.SHUTOFF)
        raise(new Fault('STATE_INVALID', `domain ${domain.name} is running`, { state: 'RUNNING', allowed: 'SHUTOFF' }));
      return world.operate(domain, 'start', waitMs(wait), started(domain, paused));
    },
    shutdownDomain: ({ name, wait }) => {
      const domain = world.find(name);
      return world.operate(
        domain,
        'shutdown',
        waitMs(wait),
        move(domain, DomainState.SHUTOFF, DomainStateReason.SHUTDOWN, LifecycleEventType.STOPPED, LifecycleEventDetail.SHUTDOWN),
      );
    },
    destroyDomain: ({ name, wait }) => {
      const domain = world.find(name);
      return world.operate(
        domain,
        'destroy',
        waitMs(wait),
        move(domain, DomainState.SHUTOFF, DomainStateReason.DESTROYED, LifecycleEventType.STOPPED, LifecycleEventDetail.DESTROYED),
      );
    },
    rebootDomain: ({ name, mode, wait }) => {
      if (mode === RebootMode.GUEST_AGENT) raise(new Fault('GUEST_AGENT_UNRESPONSIVE', 'the guest agent does not answer', { name }));
      const domain = world.find(name);
      return world.operate(domain, 'reboot', waitMs(wait), () => domain);
    },
    suspendDomain: ({ name, wait }) => {
      const domain = world.find(name);
      return world.operate(
        domain,
        'suspend',
        waitMs(wait),
        move(domain, DomainState.PAUSED, DomainStateReason.USER, LifecycleEventType.SUSPENDED, LifecycleEventDetail.PAUSED),
      );
    },
    resumeDomain: ({ name, wait }) => {
      const domain = world.find(name);
      return world.operate(
        domain,
        'resume',
        waitMs(wait),
        move(domain, DomainState.RUNNING, DomainStateReason.UNPAUSED, LifecycleEventType.RESUMED, LifecycleEventDetail.UNPAUSED),
      );
    },
    setDomainAutostart: ({ name, autostart }) => Object.assign(world.find(name), { autostart }),
    getDomainStats: ({ name }) => statsOf(world.find(name)),
    listDomainStats: () => ListDomainStatsResponse.fromPartial({ stats: [...world.domains.values()].map(statsOf) }),
    openDomainConsole: (requests, context) => console_(world, requests, context),
    ...deviceHandlers(world),
    ...savedStateHandlers(world),
    ...guestHandlers(world),
    getDomainCapabilities: () =>
      DomainCapabilities.fromPartial({
        hypervisor: 'qemu',
        version: '7.2',
        arch: 'x86_64',
        machine: 'pc-q35-7.2',
        accelerator: 'tcg',
        maxVcpus: 288,
        machines: [{ name: 'pc-q35-7.2', alias: 'q35' }],
        devices: [{ name: 'accelerator.kvm', ...world.kvm }],
        firmwares: [{ name: 'uefi', available: false, why: 'OVMF is not installed' }],
      }),
  };
}

/** Which of a definition's own fields are others then. */
function outcomesOf(before: DomainSpec | undefined, after: DomainSpec | undefined): Pick<FieldOutcome, 'path' | 'effect' | 'why'>[] {
  const [old, now] = [before, after].map((spec) => DomainSpec.toJSON(spec ?? DomainSpec.fromPartial({})) as Record<string, unknown>);
  const changed = Object.keys({ ...old, ...now }).filter((path) => JSON.stringify(old?.[path]) !== JSON.stringify(now?.[path]));
  return changed.length === 0
    ? [{ path: '*', effect: FieldEffect.UNCHANGED, why: '' }]
    : changed.map((path) => ({ path, effect: FieldEffect.NEXT_START, why: '' }));
}

const statsOf = (domain: Domain): DomainStats =>
  DomainStats.fromPartial({
    name: domain.name,
    uid: domain.uid,
    state: domain.status?.state ?? DomainState.UNKNOWN,
    cpu: { timeNs: 12_345_000_000n, vcpus: 1 },
    memory: { currentBytes: 256n << 20n, residentBytes: 100n << 20n },
    blocks: [{ id: 'disk0', readBytes: 1n << 20n, writeBytes: 3n << 20n }],
    ...(domain.title === 'stuck' ? { error: { code: 14, message: 'its hypervisor did not answer in time' } } : {}),
  });

/** A guest that echoes what is typed in brackets, and shuts down at `bye`. */
async function* console_(
  world: World,
  requests: AsyncIterable<{
    item?:
      | { $case: 'open'; value: { name: string; replayBytes: bigint; noFollow: boolean; readOnly: boolean } }
      | { $case: 'input'; value: Uint8Array }
      | undefined;
  }>,
  { signal }: CallContext,
) {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done || first.value.item?.$case !== 'open') throw new Fault('REQUEST_INVALID', 'the first message must be an open');
  const open = first.value.item.value;
  world.requests.push({ method: 'openDomainConsole', request: open });
  const fault = world.faults.get('openDomainConsole');
  if (fault) throw fault;
  const domain = world.find(open.name);
  const output = (value: Uint8Array): OpenDomainConsoleResponse =>
    OpenDomainConsoleResponse.fromPartial({ item: { $case: 'output', value: Buffer.from(value) } });
  yield OpenDomainConsoleResponse.fromPartial({
    item: { $case: 'opened', value: { name: domain.name, device: 'serial0', writable: !open.readOnly } },
  });
  if (open.replayBytes !== 0n) yield output(open.replayBytes < 0n ? world.log : world.log.subarray(-Number(open.replayBytes)));
  if (open.noFollow) return;
  for (let next = await iterator.next(); next.done !== true && !signal.aborted; next = await iterator.next()) {
    if (next.value.item?.$case !== 'input') continue;
    const bytes = Buffer.from(next.value.item.value);
    world.typed.push(bytes);
    yield output(Buffer.concat([Buffer.from('['), bytes, Buffer.from(']')]));
    if (bytes.includes('bye')) return;
  }
}

function operationHandlers(world: World): Handlers<typeof OperationServiceService> {
  const job = (name: string): Job =>
    world.jobs.get(name) ?? raise(new Fault('OPERATION_NOT_FOUND', `there is no operation ${name}`, { name }));
  return {
    getOperation: ({ name }) => job(name).operation,
    listOperations: ({ target, includeDone }) =>
      ListOperationsResponse.fromPartial({
        operations: [...world.jobs.values()]
          .map(({ operation }) => operation)
          .filter(
            (operation) =>
              (includeDone || !operation.endTime) && (target === '' || operation.target === target || operation.targetUid === target),
          ),
      }),
    waitOperation: async ({ name }, { signal }) => {
      while (!job(name).operation.endTime) await once(job(name).changed, 'change', { signal });
      return job(name).operation;
    },
    watchOperation: async function* ({ name }, { signal }) {
      for (;;) {
        const { operation, changed } = job(name);
        const change = once(changed, 'change', { signal });
        change.catch(() => undefined);
        yield WatchOperationResponse.fromPartial({ operation });
        if (operation.endTime) return;
        await change;
      }
    },
    cancelOperation: ({ name }) => world.cancel(job(name)),
  };
}

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Broadcast, Fault } from '@virtmesh/base';
import { JournalServiceService } from '@virtmesh/contracts/agent/v1/journal_service';
import { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { DomainEvent } from '@virtmesh/contracts/domain/v1/domain_event';
import {
  DomainServiceService,
  ListDomainsResponse,
  type StartDomainRequest,
  WatchDomainsResponse,
} from '@virtmesh/contracts/domain/v1/domain_service';
import { Any } from '@virtmesh/contracts/google/protobuf/any';
import { Node } from '@virtmesh/contracts/node/v1/node';
import { NodeServiceService } from '@virtmesh/contracts/node/v1/node_service';
import { Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { OperationServiceService, WatchOperationResponse } from '@virtmesh/contracts/operation/v1/operation_service';
import {
  createMetrics,
  defineService,
  type Endpoint,
  RpcServer,
  type ServiceBinding,
  type ServiceDefinition,
  silentLogger,
} from '@virtmesh/kit';
import { onTestFinished } from 'vitest';

export async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'client-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** A world of domains with a journal whose tokens are its numbers. It outlives the servers that show it. */
export class World {
  readonly domains = new Map<string, Domain>();
  readonly operations = new Map<string, Operation>();
  readonly started: StartDomainRequest[] = [];
  readonly journal: DomainEvent[] = [];
  readonly changes = new Broadcast<number>();
  readonly operationChanges = new Broadcast<Operation>();
  /** Positions before this one are trimmed. */
  oldest = 0;
  /** Fails this many calls of each method before one is carried out. */
  failing = new Map<string, Fault[]>();

  add(name: string): void {
    this.domains.set(name, Domain.fromPartial({ name: `nodes/n1/domains/${name}`, uid: randomUUID() }));
    this.journal.push(
      DomainEvent.fromPartial({ context: { number: BigInt(this.journal.length + 1), subject: `nodes/n1/domains/${name}` } }),
    );
    this.changes.publish(this.journal.length);
  }

  operation(change: Partial<Operation> & { name: string }): Operation {
    const operation = Operation.fromPartial({ ...this.operations.get(change.name), ...change });
    this.operations.set(operation.name, operation);
    this.operationChanges.publish(operation);
    return operation;
  }

  fail(method: string, ...faults: Fault[]): void {
    this.failing.set(method, faults);
  }

  /** Throws what is planned for a method. */
  check(method: string): void {
    const fault = this.failing.get(method)?.shift();
    if (fault !== undefined) throw fault;
  }
}

export const succeeded = (name: string, response?: Any): Partial<Operation> & { name: string } => ({
  name,
  state: OperationState.SUCCEEDED,
  result: response === undefined ? undefined : { $case: 'response', value: response },
});
export const domainAny = (name: string): Any =>
  Any.fromPartial({
    typeUrl: 'type.googleapis.com/virtmesh.domain.v1.Domain',
    value: Buffer.from(Domain.encode(Domain.fromPartial({ name })).finish()),
  });

async function* watchDomains(world: World, token: string, signal: AbortSignal): AsyncGenerator<WatchDomainsResponse> {
  world.check('watchDomains');
  let at = token === '' ? world.journal.length : Number(token);
  if (at < world.oldest) throw new Fault('JOURNAL_TRIMMED', `position ${at} is gone`);
  const changes = world.changes.subscribe(signal);
  for (;;) {
    for (; at < world.journal.length; at += 1) {
      const event = world.journal[at];
      if (event !== undefined)
        yield WatchDomainsResponse.fromPartial({ resumeToken: String(at + 1), item: { $case: 'event', value: event } });
    }
    world.check('watching');
    if ((await changes.next()).done === true) return;
  }
}

async function* watchOperation(world: World, name: string, signal: AbortSignal): AsyncGenerator<WatchOperationResponse> {
  world.check('watchOperation');
  const changes = world.operationChanges.subscribe(signal);
  const operation = world.operations.get(name);
  if (operation === undefined) throw new Fault('OPERATION_NOT_FOUND', `there is no ${name}`);
  yield WatchOperationResponse.fromPartial({ operation });
  if (operation.endTime !== undefined || operation.state >= OperationState.SUCCEEDED) return;
  for await (const change of changes) {
    if (change.name !== name) continue;
    yield WatchOperationResponse.fromPartial({ operation: change });
    if (change.state >= OperationState.SUCCEEDED) return;
  }
}

function services(world: World, fleet: boolean): ServiceBinding[] {
  const refused = (): never => {
    throw new Fault('FEATURE_UNSUPPORTED', 'not in this test');
  };
  const all = Object.fromEntries(Object.keys(DomainServiceService).map((key) => [key, refused])) as unknown as Parameters<
    typeof defineService<typeof DomainServiceService>
  >[1];
  const roles = <D extends ServiceDefinition>(definition: D): Record<keyof D, 'viewer'> =>
    Object.fromEntries(Object.keys(definition).map((key) => [key, 'viewer'])) as Record<keyof D, 'viewer'>;
  const list = [
    defineService(
      DomainServiceService,
      {
        ...all,
        listDomains: ({ pageSize, pageToken }) => {
          world.check('listDomains');
          const from = pageToken === '' ? 0 : Number(pageToken);
          const found = [...world.domains.values()];
          const size = Math.min(pageSize, 2);
          return ListDomainsResponse.fromPartial({
            domains: found.slice(from, from + size),
            nextPageToken: from + size < found.length ? String(from + size) : '',
            resumeToken: String(world.journal.length),
          });
        },
        getDomain: ({ name }) => {
          world.check('getDomain');
          return Domain.fromPartial({ name });
        },
        startDomain: (request) => {
          world.started.push(request);
          world.check('startDomain');
          return world.operation({ name: `nodes/n1/operations/${request.requestId}`, state: OperationState.PENDING });
        },
        watchDomains: ({ resumeToken }, { signal }) => watchDomains(world, resumeToken, signal),
      },
      roles(DomainServiceService),
    ),
    defineService(
      NodeServiceService,
      { getNode: ({ name }) => Node.fromPartial({ name }), listNodes: refused, watchNodes: refused },
      roles(NodeServiceService),
    ),
    defineService(
      OperationServiceService,
      {
        getOperation: ({ name }) => world.operations.get(name) ?? refused(),
        listOperations: refused,
        waitOperation: refused,
        watchOperation: ({ name }, { signal }) => watchOperation(world, name, signal),
        cancelOperation: ({ name }) => {
          world.check('cancelOperation');
          return world.operations.get(name) ?? refused();
        },
      },
      roles(OperationServiceService),
    ),
  ];
  return fleet
    ? list
    : [
        ...list,
        defineService(JournalServiceService, { readJournal: refused, confirmJournal: refused }, roles(JournalServiceService), {
          audience: 'services',
        }),
      ];
}

/** A server that shows a world. */
export async function serve(world: World, endpoint: Endpoint, options: { readonly fleet?: boolean } = {}): Promise<RpcServer> {
  const server = await RpcServer.start({
    endpoints: [endpoint],
    services: services(world, options.fleet ?? false),
    log: silentLogger(),
    metrics: createMetrics({ process: false }),
  });
  onTestFinished(() => server.drain(0));
  return server;
}

export const unixAt = (path: string): Endpoint => ({ kind: 'unix', path, mode: 0o600, role: 'raw' });

/** The fault that a call failed with; an error of the test if it did not fail. */
export async function failure(call: Promise<unknown>): Promise<Fault> {
  try {
    await call;
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown;
    throw thrown;
  }
  throw new Error('the call did not fail');
}

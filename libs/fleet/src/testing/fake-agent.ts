import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Broadcast, Fault } from '@virtmesh/base';
import {
  type ConfirmJournalRequest,
  JournalServiceService,
  type ReadJournalRequest,
  type ReadJournalResponse,
} from '@virtmesh/contracts/agent/v1/journal_service';
import { Domain, DomainState, DomainStatus } from '@virtmesh/contracts/domain/v1/domain';
import { DomainEvent } from '@virtmesh/contracts/domain/v1/domain_event';
import {
  DomainServiceService,
  DomainView,
  ListDomainsResponse,
  type OpenDomainConsoleRequest,
  type OpenDomainConsoleResponse,
} from '@virtmesh/contracts/domain/v1/domain_service';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { DomainStats } from '@virtmesh/contracts/domain/v1/stats';
import type { EventContext } from '@virtmesh/contracts/event/v1/event';
import { Node, NodeCondition } from '@virtmesh/contracts/node/v1/node';
import { NodeEvent } from '@virtmesh/contracts/node/v1/node_event';
import { NodeServiceService } from '@virtmesh/contracts/node/v1/node_service';
import { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { OperationServiceService } from '@virtmesh/contracts/operation/v1/operation_service';
import { type CallContext, createMetrics, defineService, type Endpoint, paginate, RpcServer, silentLogger } from '@virtmesh/kit';

type Entry = { readonly number: bigint } & (
  | { readonly kind: 'domain'; readonly event: DomainEvent }
  | { readonly kind: 'node'; readonly event: NodeEvent }
);

/** A call that the agent got. */
export interface SeenCall {
  readonly method: string;
  readonly request: unknown;
  readonly context: CallContext;
}

/**
 * An agent of one node that keeps its domains and journal in memory, for tests of what reads agents. `start` and `stop` its
 * server as often as wanted: its state stays, as a real agent's does over a kill.
 */
export class FakeAgent implements AsyncDisposable {
  readonly node: string;
  readonly uid = randomUUID();
  readonly calls: SeenCall[] = [];
  readonly confirmed: ConfirmJournalRequest[] = [];
  readonly domains = new Map<string, Domain>();
  epoch = randomUUID();
  heartbeatMs = 1_000;
  /** While set, calls of domains wait for it. */
  hold: Promise<void> | undefined;
  readonly #directory = mkdtempSync(join(tmpdir(), 'vm-fake-'));
  #entries: Entry[] = [];
  #last = 0n;
  #trimmed = 0n;
  #live = new Broadcast<Entry>();
  #server: RpcServer | undefined;

  constructor(node: string) {
    this.node = node;
  }

  get address(): string {
    return `unix:${join(this.#directory, 'a')}`;
  }
  get last(): bigint {
    return this.#last;
  }
  get lastOfDomains(): bigint {
    return this.#entries.findLast((entry) => entry.kind === 'domain')?.number ?? 0n;
  }
  get serving(): boolean {
    return this.#server !== undefined;
  }
  /** All entries ever, trimmed ones too. */
  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** Where it listens beside its socket, such as `127.0.0.1:4711`. */
  get tcpAddress(): string {
    return this.#server?.addresses.at(-1)?.replace('tls://', '') ?? '';
  }

  /** Serves at its socket, and at other endpoints if any are given. */
  async start(others: readonly Endpoint[] = []): Promise<this> {
    this.#server ??= await RpcServer.start({
      endpoints: [{ kind: 'unix', path: join(this.#directory, 'a'), mode: 0o600, role: 'raw', acceptForwarded: true }, ...others],
      services: this.#services(),
      log: silentLogger(),
      metrics: createMetrics({ process: false }),
    });
    return this;
  }

  async stop(): Promise<void> {
    await this.#server?.drain(0);
    this.#server = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Defines a domain, journals it, and answers it. */
  define(id: string, extra: Partial<Domain> = {}): Domain {
    const domain = Domain.fromPartial({
      name: `nodes/${this.node}/domains/${id}`,
      uid: randomUUID(),
      persistent: true,
      spec: { title: id, hypervisor: 'test', memory: { sizeBytes: 1n << 30n } },
      status: { state: DomainState.SHUTOFF },
      ...extra,
    });
    return this.#change(domain, true);
  }

  /** Changes a domain's state; the event has no definitions. */
  setState(uid: string, state: DomainState): Domain {
    const domain = this.#must(uid);
    return this.#change({ ...domain, status: DomainStatus.fromPartial({ state }) }, false);
  }

  /** Changes a domain's title; the event has the definitions. */
  setTitle(uid: string, title: string): Domain {
    const domain = this.#must(uid);
    return this.#change({ ...domain, title, spec: DomainSpec.fromPartial({ ...domain.spec, title }) }, true);
  }

  remove(uid: string): void {
    const domain = this.#must(uid);
    this.#append((number) => ({
      kind: 'domain',
      number,
      event: DomainEvent.fromPartial({
        context: this.#context(number, 'domain.undefined', domain.name),
        uid,
        name: domain.name,
        domain: { ...domain, revision: number },
        full: true,
        gone: true,
      }),
    }));
    this.domains.delete(uid);
  }

  nodeEvent(): void {
    this.#append((number) => ({
      kind: 'node',
      number,
      event: NodeEvent.fromPartial({
        context: this.#context(number, 'node.drivers_changed', `nodes/${this.node}`),
        node: { ...this.read(), journalNumber: number },
        kind: 2,
      }),
    }));
  }

  /** Forgets the entries up to a number. */
  trim(upTo: bigint = this.#last): void {
    this.#trimmed = upTo;
  }

  /** Begins a new store with the same domains, as after the loss of the old one; not while it serves. */
  renew(): void {
    if (this.#server) throw new Error('an agent gets a new store only when it starts');
    this.epoch = randomUUID();
    this.#entries = [];
    this.#last = 0n;
    this.#trimmed = 0n;
    this.#live = new Broadcast<Entry>();
    for (const domain of [...this.domains.values()]) this.#change(domain, true);
  }

  read(): Node {
    return Node.fromPartial({
      name: `nodes/${this.node}`,
      uid: this.uid,
      hostname: this.node,
      condition: NodeCondition.READY,
      lastContact: new Date(),
      domainCount: this.domains.size,
      journalEpoch: this.epoch,
      journalNumber: this.#last,
    });
  }

  #must(uid: string): Domain {
    const domain = this.domains.get(uid);
    if (!domain) throw new Error(`there is no domain ${uid}`);
    return domain;
  }

  #find(name: string): Domain {
    const last = name.split('/').at(-1) ?? '';
    const found = [...this.domains.values()].find(
      (domain) => domain.name === `nodes/${this.node}/domains/${last}` || `uid:${domain.uid}` === last,
    );
    if (!found) throw new Fault('DOMAIN_NOT_FOUND', `node ${this.node} has no domain ${last}`, { name });
    return found;
  }

  #change(domain: Domain, full: boolean): Domain {
    let changed = domain;
    this.#append((number) => {
      changed = { ...domain, revision: number };
      const shown = full ? changed : { ...changed, spec: undefined, activeSpec: undefined };
      return {
        kind: 'domain',
        number,
        event: DomainEvent.fromPartial({
          context: this.#context(number, full ? 'domain.defined' : 'domain.state', domain.name),
          uid: domain.uid,
          name: domain.name,
          domain: shown,
          full,
        }),
      };
    });
    this.domains.set(domain.uid, changed);
    return changed;
  }

  #append(make: (number: bigint) => Entry): void {
    this.#last += 1n;
    const entry = make(this.#last);
    this.#entries.push(entry);
    this.#live.publish(entry);
  }

  #context(number: bigint, type: string, subject: string): EventContext {
    return {
      id: `${this.uid}/${this.epoch}/${number}`,
      source: `nodes/${this.node}`,
      type: `io.virtmesh.${type}.v1`,
      subject,
      time: new Date(),
      nodeUid: this.uid,
      epoch: this.epoch,
      number,
      requestor: '',
      requestId: '',
      operation: '',
      traceparent: '',
    };
  }

  async *#readJournal(request: ReadJournalRequest, signal: AbortSignal): AsyncGenerator<ReadJournalResponse> {
    const { epoch } = this;
    const wanted = (entry: Entry): boolean => request.kind === '' || entry.kind === request.kind;
    const known = request.epoch === '' || request.epoch === epoch;
    let seen = known ? request.after : 0n;
    if (!known) yield { epoch, number: 0n, item: { $case: 'gap', value: { first: 0n, last: 0n, reason: 'the node has a new store' } } };
    if (seen < this.#trimmed) {
      yield { epoch, number: this.#trimmed, item: { $case: 'gap', value: { first: seen + 1n, last: this.#trimmed, reason: 'trimmed' } } };
      seen = this.#trimmed;
    }
    const live = request.follow ? this.#live.subscribe(signal, 100_000) : undefined;
    const toWire = (entry: Entry): ReadJournalResponse => {
      seen = entry.number;
      return {
        epoch,
        number: entry.number,
        item: entry.kind === 'domain' ? { $case: 'domain', value: entry.event } : { $case: 'node', value: entry.event },
      };
    };
    for (const entry of this.#entries.filter((e) => e.number > seen && wanted(e))) yield toWire(entry);
    if (!live) return;
    const heartbeat = (): ReadJournalResponse => ({ epoch, number: seen, item: { $case: 'heartbeat', value: new Date() } });
    yield heartbeat();
    let upcoming = live.next();
    try {
      for (;;) {
        let timer: NodeJS.Timeout | undefined;
        const tick = new Promise<undefined>((resolve) => {
          timer = setTimeout(() => resolve(undefined), this.heartbeatMs);
        });
        const next = await Promise.race([upcoming, tick]).finally(() => clearTimeout(timer));
        if (next === undefined) {
          yield heartbeat();
          continue;
        }
        if (next.done) return;
        upcoming = live.next();
        if (next.value.number > seen && wanted(next.value)) yield toWire(next.value);
      }
    } finally {
      await live.return?.();
    }
  }

  async *#console(requests: AsyncIterable<OpenDomainConsoleRequest>): AsyncGenerator<OpenDomainConsoleResponse> {
    for await (const { item } of requests) {
      if (item?.$case === 'open')
        yield { item: { $case: 'opened', value: { name: this.#find(item.value.name).name, device: 'serial0', writable: true } } };
      else if (item?.$case === 'input') yield { item: { $case: 'output', value: Buffer.from(item.value.toString().toUpperCase()) } };
    }
  }

  #services(): ReturnType<typeof defineService>[] {
    const viewer = <D extends object>(definition: D): Record<keyof D, 'viewer'> =>
      Object.fromEntries(Object.keys(definition).map((key) => [key, 'viewer'])) as Record<keyof D, 'viewer'>;
    const operations = new Map<string, Operation>();
    const verb = (name: string) => async (request: { name: string }, context: CallContext) => {
      this.calls.push({ method: name, request, context });
      await this.hold;
      const domain = this.#find(request.name);
      const operation = Operation.fromPartial({
        name: `nodes/${this.node}/operations/${randomUUID()}`,
        target: domain.name,
        targetUid: domain.uid,
        verb: name,
        requestor: context.caller.identity,
        createTime: new Date(),
      });
      operations.set(operation.name, operation);
      return operation;
    };
    const operation = ({ name }: { name: string }): Operation => {
      const found = operations.get(name);
      if (!found) throw new Fault('OPERATION_NOT_FOUND', `no operation ${name}`, { name });
      return found;
    };
    return [
      defineService(
        NodeServiceService,
        { getNode: () => this.read(), listNodes: () => ({ nodes: [this.read()], nextPageToken: '', resumeToken: '' }), watchNodes: never },
        viewer(NodeServiceService),
      ),
      defineService(
        JournalServiceService,
        {
          readJournal: (request, context) => this.#readJournal(request, context.signal),
          confirmJournal: (request) => {
            this.confirmed.push(request);
            return {};
          },
        },
        viewer(JournalServiceService),
        { audience: 'services' },
      ),
      defineService(
        OperationServiceService,
        {
          getOperation: operation,
          waitOperation: operation,
          cancelOperation: operation,
          watchOperation: async function* (request) {
            yield { operation: operation(request) };
          },
          listOperations: (request) => {
            const items = [...operations.values()].toReversed();
            const page = paginate({
              items,
              pageSize: request.pageSize,
              pageToken: request.pageToken,
              tag: 'ops',
              scope: '',
              keyOf: (item) => String(1_000_000 + operations.size - [...operations.keys()].indexOf(item.name)),
            });
            return { operations: [...page.items], nextPageToken: page.nextPageToken, unreachable: [] };
          },
        },
        viewer(OperationServiceService),
      ),
      defineService(
        DomainServiceService,
        {
          getDomain: async ({ name }, context) => {
            this.calls.push({ method: 'get', request: { name }, context });
            await this.hold;
            return this.#find(name);
          },
          listDomains: (request) => {
            const all = [...this.domains.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
            const page = paginate({
              items: all,
              pageSize: request.pageSize,
              pageToken: request.pageToken,
              tag: 'l',
              scope: '',
              keyOf: (domain) => domain.name,
            });
            const domains =
              request.view === DomainView.FULL
                ? page.items
                : page.items.map((domain) => ({ ...domain, spec: undefined, activeSpec: undefined }));
            return ListDomainsResponse.fromPartial({ domains: [...domains], nextPageToken: page.nextPageToken });
          },
          watchDomains: never,
          createDomain: (request, context) => {
            this.calls.push({ method: 'create', request, context });
            const domain = this.define(request.domainId);
            return Operation.fromPartial({ name: `nodes/${this.node}/operations/${randomUUID()}`, target: domain.name });
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
          setDomainAutostart: ({ name }) => this.#find(name),
          getDomainStats: ({ name }) => ({ ...statsOf(this.#find(name)) }),
          listDomainStats: async (request, context) => {
            this.calls.push({ method: 'listStats', request, context });
            await this.hold;
            const all = [...this.domains.values()]
              .filter((domain) => request.includeInactive || domain.status?.state === DomainState.RUNNING)
              .toSorted((a, b) => (a.name < b.name ? -1 : 1));
            const page = paginate({
              items: all,
              pageSize: request.pageSize,
              pageToken: request.pageToken,
              tag: 's',
              scope: '',
              keyOf: (domain) => domain.name,
            });
            return { stats: page.items.map(statsOf), nextPageToken: page.nextPageToken, unreachable: [] };
          },
          openDomainConsole: (requests) => this.#console(requests),
          getDomainCapabilities: () => {
            throw new Fault('DRIVER_UNAVAILABLE', 'there is no driver', { driver: 'none', why: 'fake' });
          },
        },
        viewer(DomainServiceService),
      ),
    ];
  }
}

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

const statsOf = (domain: Domain): ReturnType<typeof DomainStats.fromPartial> =>
  DomainStats.fromPartial({ name: domain.name, uid: domain.uid });

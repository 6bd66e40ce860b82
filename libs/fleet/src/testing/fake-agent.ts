import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '@virtmesh/base';
import type { ConfirmJournalRequest } from '@virtmesh/contracts/agent/v1/journal_service';
import { Domain, DomainState, DomainStatus } from '@virtmesh/contracts/domain/v1/domain';
import { DomainEvent } from '@virtmesh/contracts/domain/v1/domain_event';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { EventContext } from '@virtmesh/contracts/event/v1/event';
import { Node, NodeCondition } from '@virtmesh/contracts/node/v1/node';
import { NodeEvent } from '@virtmesh/contracts/node/v1/node_event';
import { type CallContext, createMetrics, type Endpoint, RpcServer, silentLogger } from '@virtmesh/kit';
import { type FakeEntry, FakeJournal } from './fake-journal.ts';
import { fakeServices } from './fake-services.ts';

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
  readonly journal = new FakeJournal();
  /** While set, calls of domains wait for it. */
  hold: Promise<void> | undefined;
  readonly #directory = mkdtempSync(join(tmpdir(), 'vm-fake-'));
  #server: RpcServer | undefined;

  constructor(node: string) {
    this.node = node;
  }

  get address(): string {
    return `unix:${join(this.#directory, 'a')}`;
  }
  get epoch(): string {
    return this.journal.epoch;
  }
  get last(): bigint {
    return this.journal.last;
  }
  get lastOfDomains(): bigint {
    return this.entries.findLast((entry) => entry.kind === 'domain')?.number ?? 0n;
  }
  get serving(): boolean {
    return this.#server !== undefined;
  }
  /** All entries ever, trimmed ones too. */
  get entries(): readonly FakeEntry[] {
    return this.journal.entries;
  }

  /** Where it listens beside its socket, such as `127.0.0.1:4711`. */
  get tcpAddress(): string {
    return this.#server?.addresses.at(-1)?.replace('tls://', '') ?? '';
  }

  /** Serves at its socket, and at other endpoints if any are given. */
  async start(others: readonly Endpoint[] = []): Promise<this> {
    this.#server ??= await RpcServer.start({
      endpoints: [{ kind: 'unix', path: join(this.#directory, 'a'), mode: 0o600, role: 'raw', acceptForwarded: true }, ...others],
      services: fakeServices(this),
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
    this.journal.append((number) => ({
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
    this.journal.append((number) => ({
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
  trim(upTo: bigint = this.last): void {
    this.journal.trim(upTo);
  }

  /** Begins a new store with the same domains, as after the loss of the old one; not while it serves. */
  renew(): void {
    if (this.#server) throw new Error('an agent gets a new store only when it starts');
    this.journal.renew();
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
      journalNumber: this.last,
    });
  }

  /** The domain by its name or uid; DOMAIN_NOT_FOUND else. */
  find(name: string): Domain {
    const last = name.split('/').at(-1) ?? '';
    const found = [...this.domains.values()].find(
      (domain) => domain.name === `nodes/${this.node}/domains/${last}` || `uid:${domain.uid}` === last,
    );
    if (!found) throw new Fault('DOMAIN_NOT_FOUND', `node ${this.node} has no domain ${last}`, { name });
    return found;
  }

  #must(uid: string): Domain {
    const domain = this.domains.get(uid);
    if (!domain) throw new Error(`there is no domain ${uid}`);
    return domain;
  }

  #change(domain: Domain, full: boolean): Domain {
    let changed = domain;
    this.journal.append((number) => {
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
}

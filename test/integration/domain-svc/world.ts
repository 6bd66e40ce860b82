import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Channel } from '@grpc/grpc-js';
import { DomainServiceService, ListDomainsRequest, type ListDomainsResponse } from '@virtmesh/contracts/domain/v1/domain_service';
import { HealthService } from '@virtmesh/contracts/grpc/health/v1/health';
import { NodeServiceService } from '@virtmesh/contracts/node/v1/node_service';
import { OperationServiceService } from '@virtmesh/contracts/operation/v1/operation_service';
import { EventBus, type EventLog, NodeRegistry, type ReceivedEvent, subscribeEvents } from '@virtmesh/events';
import { FakeAgent } from '@virtmesh/fleet/testing';
import { type Client, createClient, openChannel } from '@virtmesh/kit';
import { NatsServer } from '../../support/nats.ts';
import { ServiceProcess } from '../../support/service-process.ts';

const log: EventLog = { info: () => undefined, warn: () => undefined };

/** A replica of domain-svc as a process, and clients of it. */
export interface Replica {
  readonly process: ServiceProcess;
  readonly domains: Client<typeof DomainServiceService>;
  readonly nodes: Client<typeof NodeServiceService>;
  readonly operations: Client<typeof OperationServiceService>;
  readonly health: Client<typeof HealthService>;
  readonly readOnly: Client<typeof DomainServiceService>;
}

/** NATS, agents in this process, and replicas of domain-svc as processes of their own. */
export class ControlWorld implements AsyncDisposable {
  readonly nats: NatsServer;
  readonly agents: FakeAgent[] = [];
  readonly directory: string;
  readonly #channels: Channel[] = [];
  readonly #replicas: Replica[] = [];

  private constructor(nats: NatsServer, directory: string) {
    this.nats = nats;
    this.directory = directory;
  }

  static async start(options: { nats?: boolean } = {}): Promise<ControlWorld> {
    return new ControlWorld(await NatsServer.start({ running: options.nats ?? true }), await mkdtemp(join(tmpdir(), 'vm-ctl-')));
  }

  /** A replica that takes calls. */
  async replica(name: string): Promise<Replica> {
    const path = join(this.directory, `${name}.sock`);
    const readOnlyPath = join(this.directory, `${name}-ro.sock`);
    const config = { sockets: { path, readOnlyPath, role: 'admin' }, nats: { servers: [this.nats.url] }, drainMs: 2_000 };
    const directory = await mkdtemp(join(this.directory, 'svc-'));
    const process = new ServiceProcess({ service: 'domain-svc', directory, config, socket: path });
    await process.start();
    const channel = openChannel(`unix:${path}`);
    const readOnly = openChannel(`unix:${readOnlyPath}`);
    this.#channels.push(channel, readOnly);
    const replica: Replica = {
      process,
      domains: createClient(DomainServiceService, channel),
      nodes: createClient(NodeServiceService, channel),
      operations: createClient(OperationServiceService, channel),
      health: createClient(HealthService, channel),
      readOnly: createClient(DomainServiceService, readOnly),
    };
    this.#replicas.push(replica);
    return replica;
  }

  /** An agent that serves and has registered. */
  async agent(node: string): Promise<FakeAgent> {
    const agent = await new FakeAgent(node).start();
    this.agents.push(agent);
    await using bus = EventBus.open({ servers: [this.nats.url], name: node, log });
    await new NodeRegistry({ bus, log }).register(
      { node, nodeUid: agent.uid, addresses: [agent.address], agentVersion: '1', startTime: new Date() },
      AbortSignal.timeout(10_000),
    );
    return agent;
  }

  /** The stream's events, read until there are as many as wanted and then for a moment longer. */
  async stream(wanted: number, timeoutMs = 30_000): Promise<ReceivedEvent[]> {
    await using bus = EventBus.open({ servers: [this.nats.url], name: 'reader', log });
    const all: ReceivedEvent[] = [];
    const stop = new AbortController();
    const late = setTimeout(() => stop.abort(), timeoutMs);
    for await (const event of subscribeEvents({ bus, log, from: { t: 'all' } }, stop.signal)) {
      all.push(event);
      if (all.length === wanted) setTimeout(() => stop.abort(), 300);
    }
    clearTimeout(late);
    return all;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const channel of this.#channels) channel.close();
    for (const { process } of this.#replicas) await process[Symbol.asyncDispose]();
    for (const agent of this.agents) await agent[Symbol.asyncDispose]();
    await this.nats[Symbol.asyncDispose]();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** All domains of all nodes, page by page. */
export async function listAll(replica: Replica, request: Partial<ListDomainsRequest> = {}): Promise<ListDomainsResponse> {
  const all = await replica.domains.listDomains(ListDomainsRequest.fromPartial({ parent: 'nodes/-', pageSize: 1000, ...request }), {
    timeoutMs: 10_000,
  });
  while (all.nextPageToken !== '') {
    const page = await replica.domains.listDomains(
      ListDomainsRequest.fromPartial({ parent: 'nodes/-', pageSize: 1000, ...request, pageToken: all.nextPageToken }),
      { timeoutMs: 10_000 },
    );
    all.domains.push(...page.domains);
    all.nextPageToken = page.nextPageToken;
  }
  return all;
}

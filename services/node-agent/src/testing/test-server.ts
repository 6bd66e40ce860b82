import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Metadata } from '@grpc/grpc-js';
import { JournalServiceService } from '@virtmesh/contracts/agent/v1/journal_service';
import { DomainServiceService } from '@virtmesh/contracts/domain/v1/domain_service';
import { NodeServiceService } from '@virtmesh/contracts/node/v1/node_service';
import { OperationServiceService } from '@virtmesh/contracts/operation/v1/operation_service';
import { type Client, createClient, createMetrics, forwardMetadata, openChannel, RpcServer, silentLogger } from '@virtmesh/kit';
import { agentServices } from '../rpc/services.ts';
import { type TestAgent, testCall } from './test-agent.ts';

/** Clients of all that an agent serves. */
export interface TestClients {
  readonly domains: Client<typeof DomainServiceService>;
  readonly nodes: Client<typeof NodeServiceService>;
  readonly operations: Client<typeof OperationServiceService>;
  readonly journal: Client<typeof JournalServiceService>;
}

/** A test agent on real sockets: one for all, one for readers. */
export class TestServer implements AsyncDisposable {
  readonly full: TestClients;
  readonly readOnly: TestClients;
  /** A caller with the role operator, who is handed on by a service. */
  readonly operator: TestClients;
  readonly #close: () => Promise<void>;

  private constructor(sockets: { full: string; readOnly: string }, close: () => Promise<void>) {
    const channels = [openChannel(`unix:${sockets.full}`), openChannel(`unix:${sockets.readOnly}`)] as const;
    this.full = clients(channels[0]);
    this.readOnly = clients(channels[1]);
    this.operator = clients(channels[0], forwardMetadata(testCall({ identity: 'virtmesh://user/olga', role: 'operator' })));
    this.#close = async () => {
      for (const channel of channels) channel.close();
      await close();
    };
  }

  static async start(agent: TestAgent): Promise<TestServer> {
    const directory = mkdtempSync(join(tmpdir(), 'vm-rpc-'));
    const sockets = { full: join(directory, 'a.sock'), readOnly: join(directory, 'ro.sock') };
    const server = await RpcServer.start({
      endpoints: [
        { kind: 'unix', path: sockets.full, mode: 0o660, role: 'raw', acceptForwarded: true },
        { kind: 'unix', path: sockets.readOnly, mode: 0o660, role: 'viewer' },
      ],
      services: agentServices(agent.context),
      log: silentLogger(),
      metrics: createMetrics({ process: false }),
    });
    return new TestServer(sockets, async () => {
      await server.drain(0);
      rmSync(directory, { recursive: true, force: true });
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}

function clients(channel: ReturnType<typeof openChannel>, metadata?: Metadata): TestClients {
  const settings = metadata ? { metadata } : {};
  return {
    domains: createClient(DomainServiceService, channel, settings),
    nodes: createClient(NodeServiceService, channel, settings),
    operations: createClient(OperationServiceService, channel, settings),
    journal: createClient(JournalServiceService, channel, settings),
  };
}

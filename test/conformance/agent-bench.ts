import { randomUUID } from 'node:crypto';
import { type Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { GetDomainCapabilitiesRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Availability, DomainCapabilities } from '@virtmesh/contracts/domain/v1/capabilities';
import { TestSystem } from '../support/system.ts';
import type { TestClient } from '../support/test-client.ts';
import type { AgentSubject } from './agent-subject.ts';

/** A real agent with the driver under test, that can be killed, and a client of it. */
export class AgentBench implements AsyncDisposable {
  readonly subject: AgentSubject;
  readonly system: TestSystem;
  client: TestClient;

  private constructor(subject: AgentSubject, system: TestSystem, client: TestClient) {
    this.subject = subject;
    this.system = system;
    this.client = client;
  }

  static async open(subject: AgentSubject): Promise<AgentBench> {
    const system = await TestSystem.start({ agent: subject.agent });
    return new AgentBench(subject, system, await system.client());
  }

  /** A defined domain, by its id. */
  async define(kind: 'minimal' | 'rich'): Promise<string> {
    const id = `d-${randomUUID().slice(0, 8)}`;
    await this.client.create(id, DomainSpec.fromPartial(await this.subject[kind](this.system)));
    return id;
  }

  /** Ends the agent as a crash does, and starts it anew on the same state. */
  async kill(): Promise<void> {
    await this.system.agent.kill('SIGKILL');
    await this.system.agent.start();
    this.system.close(this.client.connection);
    this.client = await this.system.client();
  }

  async features(): Promise<readonly Availability[]> {
    return (await this.#capabilities()).features;
  }

  /** What the driver drives. */
  async fields(): Promise<readonly string[]> {
    return (await this.#capabilities()).fields;
  }

  async has(name: string): Promise<boolean> {
    return (await this.features()).some((feature) => feature.name === name && feature.available);
  }

  async state(id: string): Promise<DomainState> {
    return (await this.client.get(id)).status?.state ?? DomainState.UNSPECIFIED;
  }

  async active(id: string): Promise<DomainSpec> {
    const { activeSpec }: Domain = await this.client.get(id);
    if (!activeSpec) throw new Error(`${id} does not run`);
    return activeSpec;
  }

  #capabilities(): Promise<DomainCapabilities> {
    const { hypervisor } = this.subject;
    const request = GetDomainCapabilitiesRequest.fromPartial({ node: `nodes/${this.client.node}`, hypervisor });
    return this.client.connection.domains.getDomainCapabilities(request);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { domains } = await this.client.list();
    for (const { name } of domains) await this.client.remove(name.split('/').at(-1) ?? '');
    await this.system.agent.kill('SIGTERM');
    await this.subject.settle?.(this.system);
    await this.system[Symbol.asyncDispose]();
  }
}

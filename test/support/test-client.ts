import { randomUUID } from 'node:crypto';
import { domainName } from '@virtmesh/base';
import { type Connection, resultOf } from '@virtmesh/client';
import type { Domain } from '@virtmesh/contracts/domain/v1/domain';
import {
  CreateDomainRequest,
  DeleteDomainRequest,
  DestroyDomainRequest,
  DomainView,
  GetDomainRequest,
  ListDomainsRequest,
  type ListDomainsResponse,
  RebootDomainRequest,
  ResumeDomainRequest,
  ShutdownDomainRequest,
  StartDomainRequest,
  SuspendDomainRequest,
  UpdateDomainRequest,
  type UpdateDomainResult,
} from '@virtmesh/contracts/domain/v1/domain_service';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';

type Over<M extends { fromPartial(object: never): unknown }> = Parameters<M['fromPartial']>[0];
const wait = { seconds: 60n, nanos: 0 };
const call = { timeoutMs: 90_000 };

/** The verbs as a test wants them: each waits for its end, answers the domain, and throws the Fault of one that failed. */
export class TestClient {
  readonly connection: Connection;
  readonly node: string;

  constructor(connection: Connection, node: string) {
    this.connection = connection;
    this.node = node;
  }

  name(id: string): string {
    return domainName(this.node, id);
  }

  async get(id: string): Promise<Domain> {
    return this.connection.domains.getDomain(GetDomainRequest.fromPartial({ name: this.name(id), view: DomainView.FULL }));
  }

  async list(over: Over<typeof ListDomainsRequest> = {}): Promise<ListDomainsResponse> {
    return this.connection.domains.listDomains(ListDomainsRequest.fromPartial({ parent: `nodes/${this.node}`, ...over }));
  }

  async create(id: string, spec: DomainSpec, over: Over<typeof CreateDomainRequest> = {}): Promise<Domain> {
    const request = CreateDomainRequest.fromPartial({ parent: `nodes/${this.node}`, domainId: id, wait, requestId: randomUUID(), ...over });
    // A spec that fromPartial copied would lose what the test set to undefined.
    return domainOf(await this.connection.domains.createDomain({ ...request, spec }, call));
  }

  /** Creates and starts. */
  run(id: string, spec: DomainSpec, over: Over<typeof CreateDomainRequest> = {}): Promise<Domain> {
    return this.create(id, spec, { start: true, ...over });
  }

  async update(
    id: string,
    paths: readonly string[],
    spec: Over<typeof DomainSpec>,
    over: Over<typeof UpdateDomainRequest> = {},
  ): Promise<UpdateDomainResult> {
    const request = UpdateDomainRequest.fromPartial({
      name: this.name(id),
      spec,
      updateMask: [...paths],
      wait,
      requestId: randomUUID(),
      ...over,
    });
    const result = resultOf(await this.connection.domains.updateDomain(request, call));
    if (result.$case !== 'update') throw new Error(`an update answered ${result.$case}`);
    return result.value;
  }

  async delete(id: string, over: Over<typeof DeleteDomainRequest> = {}): Promise<void> {
    const result = resultOf(
      await this.connection.domains.deleteDomain(
        DeleteDomainRequest.fromPartial({ name: this.name(id), wait, requestId: randomUUID(), ...over }),
        call,
      ),
    );
    if (result.$case !== 'empty') throw new Error(`a delete answered ${result.$case}`);
  }

  async start(id: string, over: Over<typeof StartDomainRequest> = {}): Promise<Domain> {
    return domainOf(
      await this.connection.domains.startDomain(
        StartDomainRequest.fromPartial({ name: this.name(id), wait, requestId: randomUUID(), ...over }),
        call,
      ),
    );
  }

  async shutdown(id: string, over: Over<typeof ShutdownDomainRequest> = {}): Promise<Domain> {
    return domainOf(
      await this.connection.domains.shutdownDomain(
        ShutdownDomainRequest.fromPartial({ name: this.name(id), wait, requestId: randomUUID(), ...over }),
        call,
      ),
    );
  }

  async destroy(id: string, over: Over<typeof DestroyDomainRequest> = {}): Promise<Domain> {
    return domainOf(
      await this.connection.domains.destroyDomain(
        DestroyDomainRequest.fromPartial({ name: this.name(id), wait, requestId: randomUUID(), ...over }),
        call,
      ),
    );
  }

  async reboot(id: string, over: Over<typeof RebootDomainRequest> = {}): Promise<Domain> {
    return domainOf(
      await this.connection.domains.rebootDomain(
        RebootDomainRequest.fromPartial({ name: this.name(id), wait, requestId: randomUUID(), ...over }),
        call,
      ),
    );
  }

  async suspend(id: string, over: Over<typeof SuspendDomainRequest> = {}): Promise<Domain> {
    return domainOf(
      await this.connection.domains.suspendDomain(
        SuspendDomainRequest.fromPartial({ name: this.name(id), wait, requestId: randomUUID(), ...over }),
        call,
      ),
    );
  }

  async resume(id: string, over: Over<typeof ResumeDomainRequest> = {}): Promise<Domain> {
    return domainOf(
      await this.connection.domains.resumeDomain(
        ResumeDomainRequest.fromPartial({ name: this.name(id), wait, requestId: randomUUID(), ...over }),
        call,
      ),
    );
  }

  /** Destroys and undefines, whatever it does. */
  async remove(id: string): Promise<void> {
    const domain = await this.get(id);
    if (domain.persistent) await this.delete(id, { destroy: true, managedSave: true });
    else await this.destroy(id, { force: true });
  }
}

/** The domain that an operation answers; the Fault of one that failed; an error for one that has not ended. */
export function domainOf(operation: Operation): Domain {
  const result = resultOf(operation);
  if (result.$case !== 'domain') throw new Error(`${operation.verb} answered ${result.$case}`);
  return result.value;
}

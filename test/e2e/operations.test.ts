import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import {
  CreateDomainRequest,
  DestroyDomainRequest,
  ShutdownDomainRequest,
  ShutdownMode,
  StartDomainRequest,
  SuspendDomainRequest,
} from '@virtmesh/contracts/domain/v1/domain_service';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { ListOperationsRequest } from '@virtmesh/contracts/operation/v1/operation_service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { idleMachine } from '../support/domain-specs.ts';
import { TestSystem } from '../support/system.ts';
import { domainOf, type TestClient } from '../support/test-client.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await TestSystem.start({ fleet: true });
});
afterAll(async () => system[Symbol.asyncDispose]());

const atOnce = { seconds: 0n, nanos: 0 };

describe.each(['agent', 'fleet'] as const)('operations of the %s', (scope) => {
  let client: TestClient;
  beforeAll(async () => {
    client = await system.client(scope);
  });

  /** A shutdown that a machine without a guest never obeys. */
  async function ignoredShutdown(id: string): Promise<Operation> {
    const request = ShutdownDomainRequest.fromPartial({
      name: client.name(id),
      mode: ShutdownMode.ACPI,
      wait: atOnce,
      requestId: randomUUID(),
    });
    return client.connection.domains.shutdownDomain(request);
  }

  it('answers at once, is waited for, watched, and cancelled without harm', async () => {
    const id = `ignores-${scope}`;
    const { status } = await client.run(id, idleMachine());
    const { operations } = client.connection;
    const operation = await ignoredShutdown(id);
    expect(operation).toMatchObject({
      verb: 'shutdown',
      target: client.name(id),
      requestor: 'virtmesh://local',
      name: expect.stringMatching(/^nodes\/n1\/operations\/[0-9a-f-]{36}$/) as unknown,
    });
    expect([OperationState.PENDING, OperationState.RUNNING]).toContain(operation.state);

    const waited = await operations.waitOperation({ name: operation.name, timeout: { seconds: 0n, nanos: 200_000_000 } });
    expect(waited).toMatchObject({ state: OperationState.RUNNING, phase: 'waiting for the guest' });
    expect((await client.get(id)).status).toMatchObject({ state: DomainState.RUNNING, job: operation.name });

    const seen: Operation[] = [];
    for await (const { operation: now } of operations.watchOperation({ name: operation.name }, { timeoutMs: 20_000 })) {
      if (now === undefined) continue;
      seen.push(now);
      if (seen.length === 1) expect((await operations.cancelOperation({ name: operation.name })).cancelRequested).toBe(true);
    }
    expect(seen.at(0)?.state).toBe(OperationState.RUNNING);
    expect(seen.at(-1)).toMatchObject({ state: OperationState.CANCELLED, cancelRequested: true, endTime: expect.any(Date) as unknown });

    expect((await client.get(id)).status).toMatchObject({ state: DomainState.RUNNING, job: '', pid: status?.pid });
    expect(() => domainOf(seen.at(-1) as Operation)).toThrow(expect.objectContaining({ reason: 'OPERATION_CANCELLED' }));
    expect(await operations.cancelOperation({ name: operation.name }), 'one that has ended stays as it is').toEqual(seen.at(-1));
    await client.remove(id);
  });

  it('lets other verbs pass a shutdown that is ignored, and gives way to a destroy', async () => {
    const id = `beside-${scope}`;
    await client.run(id, idleMachine());
    const operation = await ignoredShutdown(id);
    expect((await client.suspend(id)).status).toMatchObject({ state: DomainState.PAUSED });
    expect((await client.resume(id)).status).toMatchObject({ state: DomainState.RUNNING });
    await expect(client.delete(id, { keepRunning: true })).rejects.toMatchObject({
      reason: 'JOB_CONFLICT',
      metadata: { operation: operation.name },
    });
    await client.destroy(id);
    const ended = await client.connection.operations.waitOperation({ name: operation.name, timeout: undefined });
    expect(ended.state).toBe(OperationState.CANCELLED);
    expect(() => domainOf(ended)).toThrow(expect.objectContaining({ reason: 'OPERATION_PREEMPTED' }));
    await client.delete(id);
  });

  it('answers a repeated request with what the first one did', async () => {
    const id = `repeat-${scope}`;
    const { domains } = client.connection;
    const create = CreateDomainRequest.fromPartial({ parent: 'nodes/n1', domainId: id, spec: idleMachine(), requestId: randomUUID() });
    const [first, beside] = await Promise.all([domains.createDomain(create), domains.createDomain(create)]);
    expect(beside.name).toBe(first.name);
    expect(await domains.createDomain({ ...create, wait: atOnce })).toEqual(first);
    const start = StartDomainRequest.fromPartial({ name: client.name(id), requestId: randomUUID() });
    const started = await domains.startDomain(start);
    expect((await domains.startDomain(start)).name).toBe(started.name);
    expect((await client.get(id)).status?.startCount).toBe(1n);
    await expect(domains.startDomain({ ...start, paused: true })).rejects.toMatchObject({
      reason: 'REQUEST_INVALID',
      violations: [expect.objectContaining({ field: 'request_id' })],
    });
    await expect(
      domains.destroyDomain(DestroyDomainRequest.fromPartial({ name: client.name(id), requestId: start.requestId })),
    ).rejects.toMatchObject({ reason: 'REQUEST_INVALID' });
    await expect(domains.startDomain({ ...start, requestId: 'not a uuid' })).rejects.toMatchObject({ reason: 'REQUEST_INVALID' });
    await client.remove(id);
    expect((await domains.createDomain(create)).name, 'also when the domain is gone').toBe(first.name);
    await expect(client.get(id)).rejects.toMatchObject({ reason: 'DOMAIN_NOT_FOUND' });
  });

  it('lists operations, newest first, of one target or of all, by pages', async () => {
    const id = `listed-${scope}`;
    const { uid } = await client.run(id, idleMachine());
    await client.suspend(id);
    const running = await ignoredShutdown(id);
    const { operations } = client.connection;
    const listed = async (over: Parameters<typeof ListOperationsRequest.fromPartial>[0]): Promise<Operation[]> =>
      (await operations.listOperations(ListOperationsRequest.fromPartial({ parent: 'nodes/n1', ...over }))).operations;
    expect((await listed({ target: uid })).map((each) => each.name)).toEqual([running.name]);
    expect((await listed({ target: client.name(id), includeDone: true })).map((each) => each.verb)).toEqual([
      'shutdown',
      'suspend',
      'create',
    ]);
    expect((await listed({ parent: 'nodes/-', target: uid, includeDone: true })).map((each) => each.verb)).toEqual([
      'shutdown',
      'suspend',
      'create',
    ]);
    const first = await operations.listOperations(
      ListOperationsRequest.fromPartial({ parent: 'nodes/n1', target: uid, includeDone: true, pageSize: 2 }),
    );
    const second = await listed({ target: uid, includeDone: true, pageSize: 2, pageToken: first.nextPageToken });
    expect([...first.operations, ...second].map((each) => each.verb)).toEqual(['shutdown', 'suspend', 'create']);
    await client.remove(id);
  });

  it('says of no operation that it is not there', async () => {
    const { operations } = client.connection;
    const name = `nodes/n1/operations/${randomUUID()}`;
    await expect(operations.getOperation({ name })).rejects.toMatchObject({ reason: 'OPERATION_NOT_FOUND' });
    await expect(operations.cancelOperation({ name })).rejects.toMatchObject({ reason: 'OPERATION_NOT_FOUND' });
    await expect(operations.getOperation({ name: 'operations/5' })).rejects.toMatchObject({ reason: 'NAME_INVALID' });
    await expect(operations.getOperation({ name: name.replace('n1', 'n2') })).rejects.toMatchObject({ reason: 'NODE_NOT_FOUND' });
  });

  it('keeps jobs on one domain in order, and lets other domains pass', async () => {
    const id = `order-${scope}`;
    await client.run(id, idleMachine());
    const { domains } = client.connection;
    const name = client.name(id);
    const answers = await Promise.all(
      Array.from({ length: 6 }, async (_, index) => {
        const request = SuspendDomainRequest.fromPartial({ name, requestId: randomUUID() });
        await delay(index);
        return index % 2 === 0 ? domains.suspendDomain(request) : domains.resumeDomain(request);
      }),
    );
    expect(answers.map((each) => each.state)).toEqual(Array.from({ length: 6 }, () => OperationState.SUCCEEDED));
    expect((await client.get(id)).status?.state).toBe(DomainState.RUNNING);
    await client.remove(id);
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Fault } from '@virtmesh/base';
import { OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { OperationServiceService } from '@virtmesh/contracts/operation/v1/operation_service';
import {
  type Client,
  createClient,
  createMetrics,
  durationFromMs,
  faultFromStatus,
  openChannel,
  type Role,
  RpcServer,
  silentLogger,
} from '@virtmesh/kit';
import { describe, expect, it } from 'vitest';
import { operationService } from './service.ts';
import { type Setting, setting, start, typeUrl } from './testing/setting.ts';

interface Served extends AsyncDisposable {
  readonly setting: Setting;
  readonly client: Client<OperationServiceService>;
}

async function served(role: Role = 'operator'): Promise<Served> {
  const directory = mkdtempSync(join(tmpdir(), 'vm-op-'));
  const path = join(directory, 'op.sock');
  const of = setting();
  const server = await RpcServer.start({
    endpoints: [{ kind: 'unix', path, mode: 0o600, role }],
    services: [operationService(of.operations)],
    log: silentLogger(),
    metrics: createMetrics({ process: false }),
  });
  const channel = openChannel(`unix:${path}`);
  return {
    setting: of,
    client: createClient(OperationServiceService, channel),
    [Symbol.asyncDispose]: async () => {
      channel.close();
      await server[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const refused = (reason: string): object => expect.objectContaining({ reason });

describe('OperationService', () => {
  it('finds an operation under its node or any, and says what is wrong with another name', async () => {
    await using s = await served();
    const { id, operation } = s.setting.operations.create(start());
    expect(await s.client.getOperation({ name: operation.name })).toEqual(operation);
    expect(await s.client.getOperation({ name: `nodes/-/operations/${id}` })).toEqual(operation);
    const other = '00000000-0000-4000-8000-000000000000';
    for (const [name, reason] of [
      [`nodes/n1/operations/${other}`, 'OPERATION_NOT_FOUND'],
      [`nodes/n2/operations/${id}`, 'NODE_NOT_FOUND'],
      [`nodes/n1/operations/1`, 'NAME_INVALID'],
      [`operations/${id}`, 'NAME_INVALID'],
      ['', 'NAME_INVALID'],
    ] as const) {
      await expect(s.client.getOperation({ name })).rejects.toEqual(refused(reason));
      await expect(s.client.waitOperation({ name, timeout: undefined })).rejects.toEqual(refused(reason));
      await expect(s.client.cancelOperation({ name })).rejects.toEqual(refused(reason));
      await expect(collected(s.client.watchOperation({ name }))).rejects.toEqual(refused(reason));
    }
  });

  it('lists page by page', async () => {
    await using s = await served();
    const { client } = s;
    const all = Array.from({ length: 5 }, () => s.setting.operations.create(start()));
    all[2]?.succeed(typeUrl, new Uint8Array());
    const request = { parent: 'nodes/n1', pageSize: 2, pageToken: '', target: 'u1', includeDone: true };
    const names: string[] = [];
    for (let pageToken = '', pages = 0; pages === 0 || pageToken !== ''; pages += 1) {
      const page = await client.listOperations({ ...request, pageToken });
      expect(page.operations.length).toBe(pages < 2 ? 2 : 1);
      names.push(...page.operations.map((operation) => operation.name));
      pageToken = page.nextPageToken;
    }
    expect(names.toSorted()).toEqual(all.map((running) => running.operation.name).toSorted());
    expect((await client.listOperations({ ...request, parent: 'nodes/-', pageSize: 0, includeDone: false })).operations).toHaveLength(4);
    expect((await client.listOperations({ ...request, target: 'nodes/n1/domains/other' })).operations).toEqual([]);
    const { nextPageToken } = await client.listOperations(request);
    await expect(client.listOperations({ ...request, includeDone: false, pageToken: nextPageToken })).rejects.toEqual(
      refused('TOKEN_INVALID'),
    );
    await expect(client.listOperations({ ...request, pageToken: 'made up' })).rejects.toEqual(refused('TOKEN_INVALID'));
    await expect(client.listOperations({ ...request, pageSize: -1 })).rejects.toEqual(refused('REQUEST_INVALID'));
    await expect(client.listOperations({ ...request, parent: 'nodes/n2' })).rejects.toEqual(refused('NODE_NOT_FOUND'));
    await expect(client.listOperations({ ...request, parent: 'n1' })).rejects.toEqual(refused('NAME_INVALID'));
  });

  it('waits for the end, for the time that is asked for, or until shortly before the deadline', async () => {
    await using s = await served();
    const running = s.setting.operations.create(start());
    running.begin();
    const { name } = running.operation;
    expect((await s.client.waitOperation({ name, timeout: durationFromMs(20) })).state).toBe(OperationState.RUNNING);
    expect((await s.client.waitOperation({ name, timeout: undefined }, { timeoutMs: 600 })).state).toBe(OperationState.RUNNING);
    expect((await s.client.waitOperation({ name, timeout: durationFromMs(60_000) }, { timeoutMs: 600 })).state).toBe(
      OperationState.RUNNING,
    );
    await expect(s.client.waitOperation({ name, timeout: durationFromMs(-1) })).rejects.toEqual(refused('REQUEST_INVALID'));
    const waiting = s.client.waitOperation({ name, timeout: undefined });
    const watching = collected(s.client.watchOperation({ name }));
    await s.client.getOperation({ name });
    running.succeed(typeUrl, new Uint8Array([7]));
    expect(await waiting).toEqual(running.operation);
    const seen = await watching;
    expect(seen.at(-1)).toEqual({ operation: running.operation });
  });

  it('cancels for operators, and the caller learns of the end', async () => {
    await using s = await served();
    const running = s.setting.operations.create(start());
    const { name } = running.operation;
    running.signal.addEventListener('abort', () => running.fail(running.signal.reason as Fault));
    expect(await s.client.cancelOperation({ name })).toMatchObject({ state: OperationState.CANCELLED, cancelRequested: true });
    const ended = await s.client.waitOperation({ name, timeout: undefined });
    expect(ended.result?.$case === 'error' && faultFromStatus(ended.result.value)).toMatchObject({
      reason: 'OPERATION_CANCELLED',
      metadata: { operation: name },
    });
    expect(await s.client.cancelOperation({ name })).toEqual(ended);
  });

  it('lets viewers look and not cancel', async () => {
    await using s = await served('viewer');
    const { operation } = s.setting.operations.create(start());
    expect(await s.client.getOperation({ name: operation.name })).toEqual(operation);
    await expect(s.client.cancelOperation({ name: operation.name })).rejects.toEqual(refused('PERMISSION_DENIED'));
    expect(s.setting.operations.get(operation.name.split('/')[3] ?? '').cancelRequested).toBe(false);
  });
});

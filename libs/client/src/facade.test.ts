import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault, isUuid, sleep } from '@virtmesh/base';
import { GetDomainRequest, StartDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { CancelOperationRequest } from '@virtmesh/contracts/operation/v1/operation_service';
import { expect, test } from 'vitest';
import { readsOnly } from './facade.ts';
import { connect, type Connection } from './index.ts';
import { backoffMs } from './retry.ts';
import { failure, serve, temporaryDirectory, unixAt, World } from './testing/agent.ts';

const leaving = (): Fault => new Fault('SHUTTING_DOWN', 'leaving');
const get = GetDomainRequest.fromPartial({ name: 'nodes/n1/domains/web' });
const start = StartDomainRequest.fromPartial({ name: 'nodes/n1/domains/web' });

async function open(world: World, attempts = 4): Promise<{ connection: Connection; path: string; stop: () => Promise<void> }> {
  const path = join(await temporaryDirectory(), 'a.sock');
  const server = await serve(world, unixAt(path));
  const connection = await connect(path, { retry: { attempts, initialMs: 20, maxMs: 100 } });
  return { connection, path, stop: () => server.drain(0) };
}

test('the methods that are repeated as reads are those that the contract marks so', () => {
  let count = 0;
  for (const kind of ['domain', 'node', 'operation']) {
    const proto = readFileSync(new URL(`../../../proto/virtmesh/${kind}/v1/${kind}_service.proto`, import.meta.url), 'utf8');
    for (const [, name = '', types = '', options = ''] of proto.matchAll(/^ {2}rpc (\w+)(\([^;{]*)(;|\{[^}]*\})/gm)) {
      count += 1;
      if (types.includes('stream')) continue;
      expect([name, readsOnly(`${name.charAt(0).toLowerCase()}${name.slice(1)}`)]).toEqual([name, options.includes('NO_SIDE_EFFECTS')]);
    }
  }
  expect(count).toBeGreaterThan(20);
});

test('a read is made again until the server is back', async () => {
  const world = new World();
  const { connection, path, stop } = await open(world, 50);
  await stop();
  const read = connection.domains.getDomain(get);
  await sleep(150);
  await serve(world, unixAt(path));
  expect((await read).name).toBe(get.name);
  world.fail('getDomain', leaving(), leaving());
  expect((await connection.domains.getDomain(get)).name).toBe(get.name);
  connection.close();
});

test('a change carries a request id, the same at each attempt', async () => {
  const world = new World();
  world.fail('startDomain', leaving(), leaving());
  const { connection } = await open(world);
  await connection.domains.startDomain(start);
  await connection.domains.startDomain(start);
  const ids = world.started.map(({ requestId }) => requestId);
  expect(ids).toHaveLength(4);
  expect(ids.every(isUuid)).toBe(true);
  expect(new Set(ids.slice(0, 3)).size).toBe(1);
  expect(ids[3]).not.toBe(ids[0]);
  expect(start.requestId).toBe('');
  const own = '0190f5e4-7c1b-7cc3-98c4-dc0c0c07398f';
  await connection.domains.startDomain({ ...start, requestId: own });
  expect(world.started.at(-1)?.requestId).toBe(own);
  connection.close();
});

test('a change without a request id is made once', async () => {
  const world = new World();
  const { connection } = await open(world);
  world.operation({ name: 'nodes/n1/operations/o' });
  world.fail('cancelOperation', leaving());
  expect(
    (await failure(connection.operations.cancelOperation(CancelOperationRequest.fromPartial({ name: 'nodes/n1/operations/o' })))).reason,
  ).toBe('SHUTTING_DOWN');
  await connection.operations.cancelOperation(CancelOperationRequest.fromPartial({ name: 'nodes/n1/operations/o' }));
  connection.close();
});

test('what the server decided is not asked again', async () => {
  const world = new World();
  world.fail('getDomain', new Fault('GUEST_AGENT_UNRESPONSIVE', 'no answer'));
  const { connection } = await open(world);
  expect((await failure(connection.domains.getDomain(get))).reason).toBe('GUEST_AGENT_UNRESPONSIVE');
  connection.close();
});

test('attempts end with the time and with the signal', async () => {
  const world = new World();
  const { connection, stop } = await open(world, 1000);
  await stop();
  const started = performance.now();
  expect((await failure(connection.domains.getDomain(get, { timeoutMs: 300 }))).reason).toMatch(/SERVER_UNREACHABLE|DEADLINE_EXCEEDED/);
  expect(performance.now() - started).toBeLessThan(3000);
  const controller = new AbortController();
  const call = failure(connection.domains.getDomain(get, { signal: controller.signal }));
  await sleep(50);
  controller.abort();
  expect((await call).reason).toBe('OPERATION_CANCELLED');
  connection.close();
});

test('pauses double up to their limit, and are spread', () => {
  const policy = { initialMs: 100, maxMs: 1000 };
  expect([1, 2, 3, 4, 5].map((attempt) => backoffMs(policy, attempt, () => 1))).toEqual([100, 200, 400, 800, 1000]);
  expect(backoffMs(policy, 3, () => 0)).toBe(200);
});

import { join } from 'node:path';
import { Fault, sleep } from '@virtmesh/base';
import { UpdateDomainResult } from '@virtmesh/contracts/domain/v1/domain_service';
import { Any } from '@virtmesh/contracts/google/protobuf/any';
import { OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { statusFromFault } from '@virtmesh/kit';
import { expect, test } from 'vitest';
import { connect, type Connection } from './index.ts';
import { domainAny, failure, serve, succeeded, temporaryDirectory, unixAt, World } from './testing/agent.ts';

const name = 'nodes/n1/operations/o';

async function open(world: World): Promise<{ connection: Connection; path: string; stop: () => Promise<void> }> {
  const path = join(await temporaryDirectory(), 'a.sock');
  const server = await serve(world, unixAt(path));
  return { connection: await connect(path), path, stop: () => server.drain(0) };
}

test('an operation that has ended is answered without a call', async () => {
  const world = new World();
  const { connection, stop } = await open(world);
  await stop();
  expect(await connection.waitOperation(world.operation(succeeded(name, domainAny('web'))))).toMatchObject({
    $case: 'domain',
    value: { name: 'web' },
  });
  connection.close();
});

test('progress is told until the end, and the answer is of the type that it names', async () => {
  const world = new World();
  const { connection } = await open(world);
  const progress: [number, string][] = [];
  const waiting = connection.waitOperation(world.operation({ name, state: OperationState.PENDING }), {
    onProgress: ({ state, phase }) => progress.push([state, phase]),
  });
  await expect.poll(() => progress.length).toBe(1);
  world.operation({ name, state: OperationState.RUNNING, phase: 'spawn' });
  const update = Any.fromPartial({
    typeUrl: 'type.googleapis.com/virtmesh.domain.v1.UpdateDomainResult',
    value: Buffer.from(UpdateDomainResult.encode(UpdateDomainResult.fromPartial({ domain: { name: 'web' } })).finish()),
  });
  world.operation({ ...succeeded(name, update), phase: '' });
  expect(await waiting).toMatchObject({ $case: 'update', value: { domain: { name: 'web' } } });
  expect(progress).toEqual([
    [OperationState.PENDING, ''],
    [OperationState.RUNNING, 'spawn'],
    [OperationState.SUCCEEDED, ''],
  ]);
  connection.close();
});

test('a restart of the server in between is waited out', async () => {
  const world = new World();
  const { connection, path, stop } = await open(world);
  const waiting = connection.waitOperation(world.operation({ name, state: OperationState.RUNNING }));
  await sleep(50);
  await stop();
  world.operation(succeeded(name, Any.fromPartial({ typeUrl: 'type.googleapis.com/google.protobuf.Empty' })));
  await serve(world, unixAt(path));
  expect(await waiting).toEqual({ $case: 'empty' });
  connection.close();
});

test('an operation that failed throws its fault', async () => {
  const world = new World();
  const { connection } = await open(world);
  const waiting = failure(connection.waitOperation(world.operation({ name, state: OperationState.RUNNING })));
  await sleep(30);
  world.operation({
    name,
    state: OperationState.FAILED,
    result: { $case: 'error', value: statusFromFault(new Fault('MEMORY_EXHAUSTED', 'no memory', { wanted: '1' })) },
  });
  expect(await waiting).toMatchObject({ reason: 'MEMORY_EXHAUSTED', message: 'no memory', metadata: { wanted: '1' } });
  connection.close();
});

test('the signal ends the waiting alone', async () => {
  const world = new World();
  const { connection } = await open(world);
  const controller = new AbortController();
  const waiting = failure(
    connection.waitOperation(world.operation({ name, state: OperationState.RUNNING }), { signal: controller.signal }),
  );
  await sleep(30);
  controller.abort();
  expect((await waiting).reason).toBe('OPERATION_CANCELLED');
  expect(world.operations.get(name)?.cancelRequested).toBe(false);
  connection.close();
});

test('an operation that nobody knows any more is a fault', async () => {
  const world = new World();
  const { connection } = await open(world);
  const unknown = { ...world.operation({ name, state: OperationState.RUNNING }), name: `${name}x` };
  expect((await failure(connection.waitOperation(unknown))).reason).toBe('OPERATION_NOT_FOUND');
  connection.close();
});

test('an answer of a type that this release does not know is passed on', async () => {
  const world = new World();
  const { connection } = await open(world);
  const other = Any.fromPartial({ typeUrl: 'type.googleapis.com/virtmesh.volume.v1.Volume', value: Buffer.from([1]) });
  expect(await connection.waitOperation(world.operation(succeeded(name, other)))).toEqual({ $case: 'other', value: other });
  connection.close();
});

import { sleep } from '@virtmesh/base';
import {
  HealthCheckRequest,
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthService,
} from '@virtmesh/contracts/grpc/health/v1/health';
import { Node } from '@virtmesh/contracts/node/v1/node';
import { GetNodeRequest, NodeServiceService, WatchNodesRequest, WatchNodesResponse } from '@virtmesh/contracts/node/v1/node_service';
import { expect, test, vi } from 'vitest';
import { createClient } from '../index.ts';
import { channelTo, failure, hang, nodeService, numbered, startLocal } from '../testing/fixture.ts';

const get = GetNodeRequest.fromPartial({ name: 'x' });
const watch = WatchNodesRequest.fromPartial({});

test('calls under way end well, new ones are refused', async () => {
  const gate = Promise.withResolvers<void>();
  const { server, channel } = await startLocal([
    nodeService({
      getNode: async ({ name }) => {
        await gate.promise;
        return Node.fromPartial({ name });
      },
    }),
  ]);
  const client = createClient(NodeServiceService, channel);
  const call = client.getNode(get);
  await vi.waitUntil(() => server.callsUnderWay === 1, { timeout: 10_000 });
  const drained = server.drain(5000);
  await sleep(20);
  expect((await failure(client.getNode(get))).reason).toMatch(/SHUTTING_DOWN|SERVER_UNREACHABLE/);
  gate.resolve();
  expect((await call).name).toBe('x');
  await drained;
});

test('a stream gets SHUTTING_DOWN and its handler the abort, long before the deadline of calls', async () => {
  let ended = false;
  const { server, channel } = await startLocal([
    nodeService({
      watchNodes: async function* (_request, { signal }) {
        try {
          yield* numbered(1);
          await hang(signal);
        } finally {
          ended = true;
        }
      },
    }),
  ]);
  const stream = createClient(NodeServiceService, channel).watchNodes(watch);
  await stream.next();
  const started = performance.now();
  const [fault] = await Promise.all([failure(stream.next()), server.drain(30_000, 100)]);
  expect(fault).toMatchObject({ reason: 'SHUTTING_DOWN', retryAfterMs: 1000 });
  expect(ended).toBe(true);
  expect(performance.now() - started).toBeLessThan(5000);
});

test('a call that does not end gets SHUTTING_DOWN at the deadline', async () => {
  const { server, channel } = await startLocal([nodeService({ getNode: () => new Promise<Node>(() => undefined) })]);
  const call = failure(createClient(NodeServiceService, channel).getNode(get));
  await vi.waitUntil(() => server.callsUnderWay === 1, { timeout: 10_000 });
  const started = performance.now();
  await server.drain(200);
  expect((await call).reason).toBe('SHUTTING_DOWN');
  expect(performance.now() - started).toBeGreaterThan(150);
  expect(performance.now() - started).toBeLessThan(5000);
});

test('a reader that reads nothing does not hold up the end', async () => {
  const { server, channel } = await startLocal([
    nodeService({
      watchNodes: async function* () {
        for (;;) yield WatchNodesResponse.fromPartial({ resumeToken: 'x'.repeat(100_000) });
      },
    }),
  ]);
  const stream = createClient(NodeServiceService, channel).watchNodes(watch);
  await stream.next();
  await sleep(100);
  const started = performance.now();
  await server.drain(200, 100);
  expect(performance.now() - started).toBeLessThan(5000);
  expect(server.callsUnderWay).toBe(0);
  await stream.return?.();
});

test('health says at once that nothing serves any more', async () => {
  const { server, channel } = await startLocal([nodeService()]);
  const statuses: number[] = [];
  const drained = Promise.withResolvers<void>();
  try {
    for await (const { status } of createClient(HealthService, channel).watch(
      HealthCheckRequest.fromPartial({ service: 'virtmesh.node.v1.NodeService' }),
    )) {
      statuses.push(status);
      if (statuses.length === 1) void server.drain(5000, 300).then(drained.resolve);
    }
  } catch {
    // The drain ends the stream.
  }
  await drained.promise;
  expect(statuses).toEqual([ServingStatus.SERVING, ServingStatus.NOT_SERVING]);
});

test('draining twice drains once', async () => {
  const { server, path } = await startLocal([nodeService()]);
  await createClient(NodeServiceService, channelTo(`unix:${path}`)).getNode(get);
  expect(server.drain(100)).toBe(server.drain(100));
  await server.drain(100);
});

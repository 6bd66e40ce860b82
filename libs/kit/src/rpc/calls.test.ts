import { Metadata } from '@grpc/grpc-js';
import { Fault, sleep } from '@virtmesh/base';
import { Node } from '@virtmesh/contracts/node/v1/node';
import {
  GetNodeRequest,
  ListNodesRequest,
  NodeServiceService,
  WatchNodesRequest,
  WatchNodesResponse,
} from '@virtmesh/contracts/node/v1/node_service';
import { expect, test } from 'vitest';
import { type CallContext, createClient, createLogger, createMetrics, defineService, forwardOptions } from '../index.ts';
import { ConsoleService, consoleService, failure, hang, input, nodeService, numbered, output, startLocal } from '../testing/fixture.ts';

const get = (name: string): GetNodeRequest => GetNodeRequest.fromPartial({ name });
const watch = WatchNodesRequest.fromPartial({});

test('a unary call carries request, response and context', async () => {
  const seen: CallContext[] = [];
  const { channel } = await startLocal([
    nodeService({
      getNode: ({ name }, context) => {
        seen.push(context);
        return Node.fromPartial({ name });
      },
    }),
  ]);
  const client = createClient(NodeServiceService, channel);
  expect((await client.getNode(get('nodes/n1'), { timeoutMs: 5000 })).name).toBe('nodes/n1');
  const [context] = seen;
  expect(context).toMatchObject({
    method: 'virtmesh.node.v1.NodeService/GetNode',
    caller: { identity: 'virtmesh://local', role: 'raw', via: 'local', isService: false },
  });
  expect(context?.callId).toMatch(/^[0-9a-f-]{36}$/);
  expect((context?.deadline?.getTime() ?? 0) - Date.now()).toBeLessThanOrEqual(5000);
  // The end of the call is not an abort of its work.
  await sleep(20);
  expect(context?.signal.aborted).toBe(false);
});

test('a fault arrives as the same fault', async () => {
  const thrown = new Fault(
    'SPEC_INVALID',
    'the definition is wrong: ünïcode %41 100%',
    { field: 'a', b: 'ü' },
    { violations: [{ field: 'spec.x', description: 'must be y' }], retryAfterMs: 1500 },
  );
  const { channel } = await startLocal([
    nodeService({
      getNode: () => {
        throw thrown;
      },
    }),
  ]);
  const fault = await failure(createClient(NodeServiceService, channel).getNode(get('x')));
  expect(fault).toMatchObject({
    reason: 'SPEC_INVALID',
    message: thrown.message,
    metadata: thrown.metadata,
    violations: thrown.violations,
    retryAfterMs: 1500,
  });
});

test('an unknown throw is hidden behind an incident, and logged with its stack', async () => {
  const lines: string[] = [];
  const log = createLogger({ name: 'test', destination: { write: (line) => void lines.push(line) } });
  const { channel } = await startLocal(
    [
      nodeService({
        getNode: () => {
          throw new TypeError('secret detail');
        },
      }),
    ],
    { log },
  );
  const fault = await failure(createClient(NodeServiceService, channel).getNode(get('x')));
  expect(fault.reason).toBe('INTERNAL_BUG');
  expect(fault.message).not.toContain('secret');
  const line = lines.find((text) => text.includes(fault.metadata['incident'] ?? 'none'));
  expect(line).toContain('secret detail');
  expect(line).toContain('calls.test.ts');
});

test('a response that cannot be encoded is a fault of this software too', async () => {
  const { channel } = await startLocal([nodeService({ getNode: () => ({ name: 'x' }) as Node })]);
  const fault = await failure(createClient(NodeServiceService, channel).getNode(get('x')));
  expect(fault.reason).toBe('INTERNAL_BUG');
  expect(fault.metadata['incident']).toBeDefined();
});

test("bytes that are no protobuf message are the caller's mistake", async () => {
  const { channel } = await startLocal([nodeService()]);
  const raw = createClient({ getNode: { ...NodeServiceService.getNode, requestSerialize: (bytes: Buffer) => bytes } }, channel);
  expect(await failure(raw.getNode(Buffer.from([0x0a, 0xff])))).toMatchObject({ reason: 'REQUEST_INVALID' });
});

test('a replaced codec passes bytes through', async () => {
  const bytes = Buffer.from(Node.encode(Node.fromPartial({ name: 'passed' })).finish());
  const definition = { getNode: { ...NodeServiceService.getNode, responseSerialize: (value: Buffer) => value } };
  const { channel } = await startLocal([defineService(definition, { getNode: () => bytes }, { getNode: 'viewer' })]);
  expect((await createClient(NodeServiceService, channel).getNode(get('x'))).name).toBe('passed');
});

test('a method that the server does not have is said to be of another release', async () => {
  const { channel } = await startLocal([]);
  const fault = await failure(createClient(NodeServiceService, channel).getNode(get('x')));
  expect(fault).toMatchObject({
    reason: 'FEATURE_UNSUPPORTED',
    metadata: { rpc_code: 'UNIMPLEMENTED', method: 'virtmesh.node.v1.NodeService/GetNode' },
  });
});

test('a deadline ends the call on both sides', async () => {
  const aborted = Promise.withResolvers<Fault>();
  const { channel } = await startLocal([nodeService({ getNode: (_request, { signal }) => hang(signal, aborted) })]);
  const started = performance.now();
  const fault = await failure(createClient(NodeServiceService, channel).getNode(get('x'), { timeoutMs: 150 }));
  expect(fault.reason).toBe('DEADLINE_EXCEEDED');
  expect(performance.now() - started).toBeLessThan(3000);
  // Its own deadline, or word that the client's has passed: whichever the server meets first.
  expect((await aborted.promise).reason).toBeOneOf(['DEADLINE_EXCEEDED', 'OPERATION_CANCELLED']);
});

test('every unary call has a deadline', async () => {
  const { channel } = await startLocal([nodeService({ getNode: async (_request, { signal }) => hang(signal) })]);
  const client = createClient(NodeServiceService, channel, { timeoutMs: 100 });
  expect((await failure(client.getNode(get('x')))).reason).toBe('DEADLINE_EXCEEDED');
});

test('a cancelled call is cancelled at the server', async () => {
  const begun = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<Fault>();
  const { channel } = await startLocal([
    nodeService({
      getNode: (_request, { signal }) => {
        begun.resolve();
        return hang(signal, aborted);
      },
    }),
  ]);
  const controller = new AbortController();
  const call = failure(createClient(NodeServiceService, channel).getNode(get('x'), { signal: controller.signal }));
  await begun.promise;
  controller.abort(new Fault('OPERATION_CANCELLED', 'the user left'));
  expect((await call).message).toBe('the user left');
  expect((await aborted.promise).reason).toBe('OPERATION_CANCELLED');
});

test('an aborted signal makes no call', async () => {
  let calls = 0;
  const { channel } = await startLocal([
    nodeService({
      getNode: ({ name }) => {
        calls += 1;
        return Node.fromPartial({ name });
      },
    }),
  ]);
  expect((await failure(createClient(NodeServiceService, channel).getNode(get('x'), { signal: AbortSignal.abort() }))).reason).toBe(
    'OPERATION_CANCELLED',
  );
  expect(calls).toBe(0);
});

test('a stream arrives whole, and then its fault', async () => {
  const { channel } = await startLocal([
    nodeService({
      watchNodes: async function* () {
        yield* numbered(1000);
        throw new Fault('WATCHER_LAGGED', 'too slow');
      },
    }),
  ]);
  const tokens: string[] = [];
  const fault = await failure(
    (async () => {
      for await (const { resumeToken } of createClient(NodeServiceService, channel).watchNodes(watch)) tokens.push(resumeToken);
    })(),
  );
  expect(tokens).toEqual(Array.from({ length: 1000 }, (_, index) => String(index)));
  expect(fault).toMatchObject({ reason: 'WATCHER_LAGGED', message: 'too slow' });
});

test('a stream whose handler throws before its first message fails', async () => {
  const { channel } = await startLocal([
    nodeService({
      watchNodes: () => {
        throw new Fault('TOKEN_INVALID', 'no');
      },
    }),
  ]);
  expect((await failure(createClient(NodeServiceService, channel).watchNodes(watch).next())).reason).toBe('TOKEN_INVALID');
});

test('leaving a stream ends it at the server', async () => {
  const left = Promise.withResolvers<void>();
  const { channel, server } = await startLocal([
    nodeService({
      watchNodes: async function* (_request, { signal }) {
        try {
          yield* numbered(1);
          await hang(signal);
        } finally {
          left.resolve();
        }
      },
    }),
  ]);
  for await (const { resumeToken } of createClient(NodeServiceService, channel).watchNodes(watch)) {
    expect(resumeToken).toBe('0');
    break;
  }
  await left.promise;
  expect(server.callsUnderWay).toBe(0);
});

test('returning from a stream that waits does not wait with it', async () => {
  const { channel } = await startLocal([
    nodeService({
      watchNodes: async function* (_request, { signal }) {
        yield* numbered(1);
        await hang(signal);
      },
    }),
  ]);
  const stream = createClient(NodeServiceService, channel).watchNodes(watch);
  await stream.next();
  const waiting = stream.next();
  await stream.return?.();
  expect(await waiting).toEqual({ value: undefined, done: true });
});

test('a slow reader slows the server down, and nothing is piled up between them', async () => {
  let sent = 0;
  const big = 'x'.repeat(100_000);
  const { channel } = await startLocal([
    nodeService({
      watchNodes: async function* () {
        for (; sent < 400; sent += 1) yield WatchNodesResponse.fromPartial({ resumeToken: big });
      },
    }),
  ]);
  const stream = createClient(NodeServiceService, channel).watchNodes(watch);
  await stream.next();
  await sleep(300);
  // What both ends of the connection may hold: queues of 16 messages and HTTP/2's windows.
  expect(sent).toBeLessThan(150);
  const before = sent;
  let received = 1;
  for await (const { resumeToken } of stream) {
    expect(resumeToken.length).toBe(big.length);
    received += 1;
  }
  expect(received).toBe(400);
  expect(before).toBeLessThan(sent);
});

test('both directions of a stream flow at once', async () => {
  const { channel } = await startLocal([
    consoleService(async function* (requests) {
      for await (const { item } of requests) if (item?.$case === 'input') yield output(item.value);
    }),
  ]);
  const client = createClient(ConsoleService, channel);
  const answers: string[] = [];
  const { readable, writable } = new TransformStream<ReturnType<typeof input>>();
  const writer = writable.getWriter();
  void writer.write(input('first'));
  for await (const { item } of client.openDomainConsole(readable)) {
    if (item?.$case === 'output') answers.push(item.value.toString());
    if (answers.length === 3) await writer.close();
    else if (answers.length < 3) void writer.write(input(`after ${answers.length}`));
  }
  expect(answers).toEqual(['first', 'after 1', 'after 2']);
});

test('a server that does not read slows the client down', async () => {
  let produced = 0;
  const { channel } = await startLocal([
    consoleService(async function* (_requests, { signal }) {
      yield output(Buffer.from('open'));
      await hang(signal);
    }),
  ]);
  async function* endless(): AsyncGenerator<ReturnType<typeof input>> {
    for (; ; produced += 1) yield input('x'.repeat(60_000));
  }
  const stream = createClient(ConsoleService, channel).openDomainConsole(endless());
  await stream.next();
  await sleep(300);
  expect(produced).toBeLessThan(150);
  await stream.return?.();
});

test('a failing source of requests fails the call with its fault, and is let go when the server ends', async () => {
  const { channel } = await startLocal([
    consoleService(async function* (requests) {
      for await (const request of requests) if (request.item?.$case === 'input') yield output(request.item.value);
    }),
  ]);
  const client = createClient(ConsoleService, channel);
  async function* failing(): AsyncGenerator<ReturnType<typeof input>> {
    yield input('a');
    throw new Fault('DISK_EXHAUSTED', 'the file to send cannot be read');
  }
  const received: string[] = [];
  const fault = await failure(
    (async () => {
      for await (const { item } of client.openDomainConsole(failing())) if (item?.$case === 'output') received.push(item.value.toString());
    })(),
  );
  expect(fault.reason).toBe('DISK_EXHAUSTED');
});

test('a request larger than the limit is refused', async () => {
  const { channel } = await startLocal([nodeService()], { limits: { maxReceiveBytes: 1000 } });
  const client = createClient(NodeServiceService, channel);
  expect(await failure(client.getNode(get('x'.repeat(2000))))).toMatchObject({
    reason: 'LIMIT_EXCEEDED',
    metadata: { rpc_code: 'RESOURCE_EXHAUSTED' },
  });
  expect((await client.getNode(get('x'.repeat(500)))).name).toHaveLength(500);
});

test('more calls at once than the server takes are refused, and taken again later', async () => {
  const gate = Promise.withResolvers<void>();
  const { channel } = await startLocal(
    [
      nodeService({
        getNode: async ({ name }) => {
          await gate.promise;
          return Node.fromPartial({ name });
        },
      }),
    ],
    { limits: { maxCalls: 2 } },
  );
  const client = createClient(NodeServiceService, channel);
  const first = [client.getNode(get('a')), client.getNode(get('b'))];
  await sleep(50);
  expect(await failure(client.getNode(get('c')))).toMatchObject({ reason: 'LIMIT_EXCEEDED', retryAfterMs: 1000 });
  gate.resolve();
  await Promise.all(first);
  expect((await client.getNode(get('d'))).name).toBe('d');
});

test('calls are counted by method and code', async () => {
  const metrics = createMetrics({ process: false });
  const { channel } = await startLocal(
    [
      nodeService({
        getNode: () => {
          throw new Fault('NODE_NOT_FOUND', 'none');
        },
      }),
    ],
    { metrics },
  );
  const client = createClient(NodeServiceService, channel);
  await client.listNodes(ListNodesRequest.fromPartial({}));
  await failure(client.getNode(get('x')));
  const text = await metrics.registry.metrics();
  expect(text).toMatch(/virtmesh_rpc_server_duration_seconds_count\{method="virtmesh.node.v1.NodeService\/ListNodes",code="OK"\} 1/);
  expect(text).toMatch(/virtmesh_rpc_server_duration_seconds_count\{method="virtmesh.node.v1.NodeService\/GetNode",code="NOT_FOUND"\} 1/);
  expect(text).toMatch(/virtmesh_rpc_server_in_flight 0/);
});

test('call id, trace and deadline go on to the next service', async () => {
  const inner: CallContext[] = [];
  const back = await startLocal(
    [
      nodeService({
        getNode: ({ name }, context) => {
          inner.push(context);
          return Node.fromPartial({ name });
        },
      }),
    ],
    {},
    { acceptForwarded: true },
  );
  const next = createClient(NodeServiceService, back.channel);
  const outer: CallContext[] = [];
  const front = await startLocal(
    [
      nodeService({
        getNode: (request, context) => {
          outer.push(context);
          return next.getNode(request, forwardOptions(context));
        },
      }),
    ],
    {},
    { role: 'operator' },
  );
  const metadata = new Metadata();
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  metadata.set('traceparent', traceparent);
  await createClient(NodeServiceService, front.channel).getNode(get('x'), { metadata, timeoutMs: 3000 });
  expect(inner[0]).toMatchObject({
    callId: outer[0]?.callId,
    traceparent,
    caller: { identity: 'virtmesh://local', role: 'operator', forwardedBy: 'virtmesh://local' },
  });
  expect(inner[0]?.deadline?.getTime()).toBeLessThanOrEqual(outer[0]?.deadline?.getTime() ?? 0);
});

test("a server that nobody listens at is unreachable, with grpc's own words", async () => {
  const { channel, server } = await startLocal([nodeService()]);
  await server.drain(0);
  const fault = await failure(createClient(NodeServiceService, channel).getNode(get('x')));
  expect(fault).toMatchObject({ reason: 'SERVER_UNREACHABLE', metadata: { rpc_code: 'UNAVAILABLE' } });
});

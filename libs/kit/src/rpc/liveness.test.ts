import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Node } from '@virtmesh/contracts/node/v1/node';
import { GetNodeRequest, NodeServiceService, WatchNodesRequest } from '@virtmesh/contracts/node/v1/node_service';
import { expect, onTestFinished, test } from 'vitest';
import { createClient } from '../index.ts';
import { channelTo, failure, nodeService, startLocal, temporaryDirectory } from '../testing/fixture.ts';

const watch = WatchNodesRequest.fromPartial({});

/** A server in a process of its own, with one stream that says one thing and then nothing. */
async function serverProcess(): Promise<{ child: ChildProcess; socket: string }> {
  const directory = await temporaryDirectory();
  const [file, socket] = [join(directory, 'main.ts'), join(directory, 's.sock')];
  const from = (module: string): string => JSON.stringify(import.meta.resolve(module));
  await writeFile(
    file,
    `
import { createMetrics, defineService, RpcServer, silentLogger } from ${from('../index.ts')};
import { ListNodesResponse, NodeServiceService, WatchNodesResponse } from ${from('@virtmesh/contracts/node/v1/node_service')};
import { Node } from ${from('@virtmesh/contracts/node/v1/node')};
const service = defineService(NodeServiceService, {
  getNode: () => Node.fromPartial({}),
  listNodes: () => ListNodesResponse.fromPartial({}),
  watchNodes: async function* (_request, { signal }) {
    yield WatchNodesResponse.fromPartial({ resumeToken: 'first' });
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  },
}, { getNode: 'viewer', listNodes: 'viewer', watchNodes: 'viewer' });
await RpcServer.start({ endpoints: [{ kind: 'unix', path: ${JSON.stringify(socket)}, mode: 0o600, role: 'raw' }], services: [service], log: silentLogger(), metrics: createMetrics({ process: false }) });
console.log('ready');
`,
  );
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return { child, socket };
}

test('a server that is stopped is noticed by the pings of an open stream', async () => {
  const { child, socket } = await serverProcess();
  const client = createClient(NodeServiceService, channelTo(`unix:${socket}`, { keepaliveMs: 200, keepaliveTimeoutMs: 300 }));
  const stream = client.watchNodes(watch);
  expect((await stream.next()).value).toMatchObject({ resumeToken: 'first' });
  child.kill('SIGSTOP');
  const started = performance.now();
  expect((await failure(stream.next())).reason).toBe('SERVER_UNREACHABLE');
  expect(performance.now() - started).toBeLessThan(5000);
});

test('a server that is killed ends its streams at once, and its successor is found by the same channel', async () => {
  const { child, socket } = await serverProcess();
  const channel = channelTo(`unix:${socket}`);
  const client = createClient(NodeServiceService, channel);
  const stream = client.watchNodes(watch);
  await stream.next();
  child.kill('SIGKILL');
  expect((await failure(stream.next())).reason).toBe('SERVER_UNREACHABLE');
  await startLocal([nodeService()], {}, { path: socket });
  await expect
    .poll(
      () =>
        client.getNode(GetNodeRequest.fromPartial({ name: 'x' })).then(
          ({ name }) => name,
          () => undefined,
        ),
      { timeout: 10_000 },
    )
    .toBe('x');
});

test('more calls than one connection takes wait for their turn', async () => {
  let [now, most] = [0, 0];
  const { channel } = await startLocal(
    [
      nodeService({
        getNode: async ({ name }) => {
          most = Math.max(most, (now += 1));
          await new Promise((resolve) => setTimeout(resolve, 20));
          now -= 1;
          return Node.fromPartial({ name });
        },
      }),
    ],
    { limits: { maxStreamsPerConnection: 4 } },
  );
  const client = createClient(NodeServiceService, channel);
  await client.getNode(GetNodeRequest.fromPartial({ name: 'first' }));
  const names = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => (await client.getNode(GetNodeRequest.fromPartial({ name: String(index) }))).name),
  );
  expect(names).toEqual(Array.from({ length: 20 }, (_, index) => String(index)));
  expect(most).toBeLessThanOrEqual(4);
});

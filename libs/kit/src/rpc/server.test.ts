import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '@virtmesh/base';
import { Node } from '@virtmesh/contracts/node/v1/node';
import { GetNodeRequest, ListNodesRequest, ListNodesResponse, NodeServiceService, WatchNodesRequest, WatchNodesResponse } from '@virtmesh/contracts/node/v1/node_service';
import { afterEach, expect, test } from 'vitest';
import { createMetrics, createClient, defineService, openChannel, RpcServer, silentLogger } from '../index.ts';

const cleanups: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

test('first light', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'kit-'));
  cleanups.push(() => rm(dir, { recursive: true }));
  const path = join(dir, 'a.sock');
  const service = defineService(NodeServiceService, {
    getNode: (request) => { if (request.name === 'x') throw new Fault('NODE_NOT_FOUND', 'none', { a: 'b' }); return Node.fromPartial({ name: request.name }); },
    listNodes: () => ListNodesResponse.fromPartial({}),
    watchNodes: async function* () { for (let i = 0; i < 3; i++) yield WatchNodesResponse.fromPartial({ resumeToken: String(i) }); },
  }, { getNode: 'viewer', listNodes: 'viewer', watchNodes: 'viewer' });
  const server = await RpcServer.start({ endpoints: [{ kind: 'unix', path, mode: 0o660, role: 'raw' }], services: [service], log: silentLogger(), metrics: createMetrics({ process: false }) });
  cleanups.push(() => server.drain(0));
  expect((await stat(path)).mode & 0o777).toBe(0o660);
  const channel = openChannel(`unix:${path}`);
  cleanups.push(() => channel.close());
  const client = createClient(NodeServiceService, channel);
  expect((await client.getNode(GetNodeRequest.fromPartial({ name: 'n1' }))).name).toBe('n1');
  await expect(client.getNode(GetNodeRequest.fromPartial({ name: 'x' }))).rejects.toMatchObject({ reason: 'NODE_NOT_FOUND', metadata: { a: 'b' } });
  await expect(client.listNodes(ListNodesRequest.fromPartial({}))).resolves.toBeDefined();
  const tokens: string[] = [];
  for await (const event of client.watchNodes(WatchNodesRequest.fromPartial({}))) tokens.push(event.resumeToken);
  expect(tokens).toEqual(['0', '1', '2']);
});

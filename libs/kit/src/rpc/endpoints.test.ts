import { once } from 'node:events';
import { chmod, link, mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { Fault } from '@virtmesh/base';
import { GetNodeRequest, NodeServiceService } from '@virtmesh/contracts/node/v1/node_service';
import { expect, onTestFinished, test } from 'vitest';
import { createClient, createMetrics, type Endpoint, RpcServer, silentLogger } from '../index.ts';
import { channelTo, failure, nodeService, startServer, temporaryDirectory } from '../testing/fixture.ts';

const get = GetNodeRequest.fromPartial({ name: 'x' });
const unix = (path: string): Endpoint => ({ kind: 'unix', path, mode: 0o660, role: 'raw' });

test('the socket says what its callers may do', async () => {
  const directory = await temporaryDirectory();
  const [rw, ro] = [join(directory, 'rw.sock'), join(directory, 'ro.sock')];
  const service = nodeService({}, { getNode: 'operator' });
  const server = await startServer([service], [unix(rw), { kind: 'unix', path: ro, mode: 0o666, role: 'viewer' }]);
  expect(server.addresses).toEqual([`unix://${rw}`, `unix://${ro}`]);
  expect((await createClient(NodeServiceService, channelTo(`unix:${rw}`)).getNode(get)).name).toBe('x');
  expect(await failure(createClient(NodeServiceService, channelTo(`unix:${ro}`)).getNode(get))).toMatchObject({
    reason: 'PERMISSION_DENIED',
    metadata: { role: 'viewer', required: 'operator', identity: 'virtmesh://local', method: 'virtmesh.node.v1.NodeService/GetNode' },
  });
});

test('a socket has its mode from the first moment, and leaves nothing behind', async () => {
  const directory = await temporaryDirectory();
  const path = join(directory, 's.sock');
  const server = await startServer([nodeService()], [unix(path)]);
  expect((await stat(path)).mode & 0o777).toBe(0o660);
  expect(await readdir(directory)).toEqual(['s.sock']);
  await server.drain(0);
  expect(await readdir(directory)).toEqual([]);
});

test('the socket of a dead server is replaced', async () => {
  const path = join(await temporaryDirectory(), 's.sock');
  await leaveDeadSocket(path);
  await startServer([nodeService()], [unix(path)]);
  expect((await createClient(NodeServiceService, channelTo(`unix:${path}`)).getNode(get)).name).toBe('x');
});

test('what a start that was killed left beside the socket is removed, and nothing else', async () => {
  const directory = await temporaryDirectory();
  const longAgo = new Date(Date.now() - 3_600_000);
  const place = async (name: string, socket: 'none' | 'dead' | 'living', made = longAgo): Promise<void> => {
    await mkdir(join(directory, name), { mode: 0o700 });
    const path = join(directory, name, 's');
    if (socket === 'dead') await leaveDeadSocket(path);
    if (socket === 'living') {
      const server = createServer().listen(path);
      await once(server, 'listening');
      onTestFinished(() => void server.close());
    }
    await utimes(join(directory, name), made, made);
  };
  await place('.sAAAAAA', 'none');
  await place('.sBBBBBB', 'dead');
  // Another server that begins at this moment, and one that is slow.
  await place('.sCCCCCC', 'none', new Date());
  await place('.sDDDDDD', 'living');
  // Others' that only look like it.
  for (const name of ['.secrets', '.server1']) await mkdir(join(directory, name), { mode: name === '.server1' ? 0o700 : 0o755 });
  await writeFile(join(directory, '.server1', 's'), 'not a socket');
  for (const name of ['.secrets', '.server1']) await utimes(join(directory, name), longAgo, longAgo);
  await startServer([nodeService()], [unix(join(directory, 's.sock'))]);
  expect((await readdir(directory)).toSorted()).toEqual(['.sCCCCCC', '.sDDDDDD', '.secrets', '.server1', 's.sock']);
});

test('the socket of a living server is left alone', async () => {
  const path = join(await temporaryDirectory(), 's.sock');
  await startServer([nodeService()], [unix(path)]);
  const fault = await failure(start([unix(path)]));
  expect(fault).toMatchObject({ reason: 'RESOURCE_IN_USE', metadata: { path } });
  expect(fault.message).toContain('another server listens');
  expect((await createClient(NodeServiceService, channelTo(`unix:${path}`)).getNode(get)).name).toBe('x');
});

test('of two servers that start at once, one gets the socket', async () => {
  const path = join(await temporaryDirectory(), 's.sock');
  const results = await Promise.allSettled([start([unix(path)]), start([unix(path)])]);
  const started = results.filter((result) => result.status === 'fulfilled');
  for (const { value } of started) onTestFinished(() => value.drain(0));
  expect(started).toHaveLength(1);
  expect((await createClient(NodeServiceService, channelTo(`unix:${path}`)).getNode(get)).name).toBe('x');
});

test('a server that ends does not take away the socket of its successor', async () => {
  const path = join(await temporaryDirectory(), 's.sock');
  const first = await startServer([nodeService()], [unix(path)]);
  await rename(path, `${path}.old`);
  await startServer([nodeService()], [unix(path)]);
  await first.drain(0);
  expect((await createClient(NodeServiceService, channelTo(`unix:${path}`)).getNode(get)).name).toBe('x');
});

test.each([
  [
    'a file that is no socket',
    async (directory: string) => {
      await writeFile(join(directory, 'f'), 'x');
      return unix(join(directory, 'f'));
    },
    'RESOURCE_IN_USE',
    'is not a socket',
  ],
  ['a directory that is not there', (directory: string) => unix(join(directory, 'no', 's.sock')), 'HOST_INCOMPATIBLE', 'cannot be made'],
  ['a path too long for the kernel', (directory: string) => unix(join(directory, 'x'.repeat(100))), 'HOST_INCOMPATIBLE', 'too long'],
  [
    'clear text beyond loopback',
    (): Endpoint => ({ kind: 'tcp', host: '0.0.0.0', port: 0, role: 'viewer' }),
    'HOST_INCOMPATIBLE',
    'loopback',
  ],
  [
    'an address of another host',
    (): Endpoint => ({ kind: 'tls', host: '192.0.2.1', port: 0, cert: '/none', key: '/none', ca: '/none', policy: { bindings: [] } }),
    'HOST_INCOMPATIBLE',
    '/none',
  ],
])('%s is refused with what to do', async (_name, endpointIn, reason, words) => {
  const endpoint = await endpointIn(await temporaryDirectory());
  const fault = await failure(start([endpoint]));
  expect(fault.reason).toBe(reason);
  expect(fault.message).toContain(words);
});

test('a taken port is named, and endpoints before it are given up', async () => {
  const taken = await listening();
  const path = join(await temporaryDirectory(), 's.sock');
  const fault = await failure(start([unix(path), { kind: 'tcp', host: '127.0.0.1', port: taken, role: 'viewer' }]));
  expect(fault).toMatchObject({ reason: 'RESOURCE_IN_USE', metadata: { address: `tcp://127.0.0.1:${taken}` } });
  await expect(stat(path)).rejects.toThrow('ENOENT');
});

test('clear text on loopback', async () => {
  const server = await startServer([nodeService()], [{ kind: 'tcp', host: '127.0.0.1', port: 0, role: 'viewer' }]);
  const address = server.addresses[0] ?? '';
  expect(address).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+$/);
  expect((await createClient(NodeServiceService, channelTo(address.replace('tcp://', ''))).getNode(get)).name).toBe('x');
});

test('a group that the system lacks leaves the socket to its owner', async () => {
  const path = join(await temporaryDirectory(), 's.sock');
  await startServer([nodeService()], [{ kind: 'unix', path, mode: 0o660, role: 'raw', group: 'no-such-group' }]);
  expect((await stat(path)).gid).toBe(process.getgid?.());
});

test.runIf(process.getuid?.() === 0)('the socket is given to its group', async () => {
  const path = join(await temporaryDirectory(), 's.sock');
  await startServer([nodeService()], [{ kind: 'unix', path, mode: 0o660, role: 'raw', group: 'daemon' }]);
  expect((await stat(path)).gid).toBe(1);
});

test.runIf(process.getuid?.() !== 0)('a directory that may not be written is named', async () => {
  const directory = join(await temporaryDirectory(), 'closed');
  await mkdir(directory);
  await chmod(directory, 0o500);
  expect((await failure(start([unix(join(directory, 's.sock'))]))).reason).toBe('HOST_INCOMPATIBLE');
});

function start(endpoints: Endpoint[]): Promise<RpcServer> {
  return RpcServer.start({ endpoints, services: [nodeService()], log: silentLogger(), metrics: createMetrics({ process: false }) });
}

/** A socket file that nobody listens on any more. */
async function leaveDeadSocket(path: string): Promise<void> {
  const server = await opened({ path: `${path}.tmp` });
  await link(`${path}.tmp`, path);
  await new Promise((resolve) => server.close(resolve));
  await rm(`${path}.tmp`, { force: true });
}

async function listening(): Promise<number> {
  const server = await opened({ host: '127.0.0.1', port: 0 });
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Fault('INTERNAL_BUG', 'no port');
  return address.port;
}

function opened(where: { path: string } | { host: string; port: number }): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(where, () => resolve(server));
  });
}

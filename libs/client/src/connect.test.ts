import { writeFile } from 'node:fs/promises';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { sleep } from '@virtmesh/base';
import { ListDomainsRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { GetNodeRequest } from '@virtmesh/contracts/node/v1/node_service';
import { ensureCertificates } from '@virtmesh/kit/certificates';
import { expect, onTestFinished, test } from 'vitest';
import { connect, defaultTarget } from './index.ts';
import { failure, serve, temporaryDirectory, unixAt, World } from './testing/agent.ts';

const get = GetNodeRequest.fromPartial({ name: 'nodes/n1' });

test.each([
  ['unix', (path: string) => `unix://${path}`],
  ['a path', (path: string) => path],
])('to a unix socket by %s', async (_name, uriOf) => {
  const path = join(await temporaryDirectory(), 'a.sock');
  await serve(new World(), unixAt(path));
  await using connection = await connect(uriOf(path));
  expect(connection.uri).toBe(uriOf(path));
  expect((await connection.nodes.getNode(get)).name).toBe('nodes/n1');
});

test('an agent and the control plane are told apart, and used alike', async () => {
  const directory = await temporaryDirectory();
  const world = new World();
  world.add('web');
  await serve(world, unixAt(join(directory, 'a.sock')));
  await serve(world, unixAt(join(directory, 'c.sock')), { fleet: true });
  for (const [socket, scope] of [
    ['a.sock', 'node'],
    ['c.sock', 'fleet'],
  ] as const) {
    await using connection = await connect(join(directory, socket));
    expect(connection.scope()).toBe(scope);
    expect(
      (await connection.domains.listDomains(ListDomainsRequest.fromPartial({ parent: 'nodes/-', pageSize: 10 }))).domains,
    ).toHaveLength(1);
  }
});

test('to loopback in clear text, and nowhere else', async () => {
  const server = await serve(new World(), { kind: 'tcp', host: '127.0.0.1', port: 0, role: 'viewer' });
  await using connection = await connect(server.addresses[0]);
  expect((await connection.nodes.getNode(get)).name).toBe('nodes/n1');
  const fault = await failure(connect('tcp://192.0.2.1:7700'));
  expect(fault.reason).toBe('URI_INVALID');
  expect(fault.message).toContain('use tls://');
});

test("by TLS with the certificates of the user's directory, and with named ones", async () => {
  const directory = await temporaryDirectory();
  const [node, client] = await ensureCertificates(
    [
      { identity: 'virtmesh://node/n1', hosts: ['localhost'] },
      { identity: 'virtmesh://user/alice', fileName: 'client' },
    ],
    { directory },
  );
  if (node === undefined || client === undefined) throw new Error('no certificates');
  const server = await serve(new World(), {
    kind: 'tls',
    host: '127.0.0.1',
    port: 0,
    ...node,
    policy: { bindings: [{ identity: 'virtmesh://user/*', role: 'viewer' }] },
  });
  const uri = `tls://localhost:${new URL(server.addresses[0] ?? '').port}`;
  for (const [given, env] of [
    [uri, { VIRTMESH_PKI: directory }],
    [`${uri}?ca=${client.ca}&cert=${client.cert}&key=${client.key}`, { HOME: '/nonexistent' }],
    [`${uri}?identity=virtmesh://node/n1`, { VIRTMESH_PKI: directory }],
  ] as const) {
    await using connection = await connect(given, { env });
    expect((await connection.nodes.getNode(get)).name).toBe('nodes/n1');
  }
  const missing = await failure(connect(uri, { env: { XDG_CONFIG_HOME: '/nonexistent' } }));
  expect(missing).toMatchObject({ reason: 'URI_INVALID' });
  expect(missing.message).toContain('/nonexistent/virtmesh/pki/ca.crt');
  const other = await failure(connect(`${uri}?identity=virtmesh://node/n2`, { env: { VIRTMESH_PKI: directory } }));
  expect(other).toMatchObject({ reason: 'SERVER_UNREACHABLE' });
  expect(other.message).toContain('not of virtmesh://node/n2');
  expect((await failure(connect(`${uri}?identity=n2`, { env: { VIRTMESH_PKI: directory } }))).reason).toBe('URI_INVALID');
});

test('what keeps a socket from answering is said, soon', async () => {
  const directory = await temporaryDirectory();
  const [absent, dead, file] = ['absent', 'dead', 'file'].map((name) => join(directory, name)) as [string, string, string];
  await writeFile(file, '');
  await leaveDead(dead);
  const started = performance.now();
  for (const [path, words] of [
    [absent, 'does not exist'],
    [dead, 'nothing listens'],
    [file, 'is not a socket'],
  ] as const) {
    const fault = await failure(connect(path));
    expect(fault).toMatchObject({ reason: 'SERVER_UNREACHABLE', metadata: { address: path } });
    expect(fault.message).toContain(words);
  }
  expect(performance.now() - started).toBeLessThan(5000);
});

test('a server that accepts and says nothing is given up at the deadline', async () => {
  const path = join(await temporaryDirectory(), 'mute.sock');
  const server = createServer(() => undefined);
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const started = performance.now();
  const fault = await failure(connect(path, { connectTimeoutMs: 300 }));
  expect(fault).toMatchObject({
    reason: 'DEADLINE_EXCEEDED',
    metadata: { address: path, waited_for: 'the first words of its HTTP/2 connection', waited_ms: '300' },
  });
  expect(fault.message).toBe(
    `the server at ${path} did not answer: waited 0.3 s for the first words of its HTTP/2 connection; it hangs, something else listens there, or what is sent there gets lost on the way: look at its process and its log, and restart it if it does not recover`,
  );
  expect(performance.now() - started).toBeLessThan(5000);
  const controller = new AbortController();
  const attempt = failure(connect(path, { signal: controller.signal }));
  controller.abort();
  expect((await attempt).reason).toBe('OPERATION_CANCELLED');
});

test('a server that takes the call and does not answer it is told from one that says nothing', async () => {
  const path = join(await temporaryDirectory(), 'hung.sock');
  const server = createHttp2Server();
  onTestFinished(() => void server.close());
  server.on('sessionError', () => undefined);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const fault = await failure(connect(path, { connectTimeoutMs: 500 }));
  expect(fault).toMatchObject({ reason: 'DEADLINE_EXCEEDED', metadata: { waited_for: 'its answer to grpc.health.v1.Health/Check' } });
  expect(fault.message).toContain('waited 0.5 s for its answer to grpc.health.v1.Health/Check; it hangs or is overloaded: look at');
});

test('without an address: VIRTMESH_URI, else the first socket that is there', async () => {
  const directory = await temporaryDirectory();
  const [a, b] = [join(directory, 'a'), join(directory, 'b')];
  expect(defaultTarget({ env: { VIRTMESH_URI: 'tcp://127.0.0.1:1' }, sockets: [a] })).toBe('tcp://127.0.0.1:1');
  await writeFile(b, '');
  expect(defaultTarget({ env: { VIRTMESH_URI: '' }, sockets: [a, b] })).toBe(b);
  await writeFile(a, '');
  expect(defaultTarget({ env: {}, sockets: [a, b] })).toBe(a);
  expect(() => defaultTarget({ env: {}, sockets: [join(directory, 'c')] })).toThrow(/no server of virtmesh is on this host.*VIRTMESH_URI/);
  await serve(new World(), unixAt(join(directory, 's.sock')));
  await using connection = await connect(undefined, { env: { VIRTMESH_URI: join(directory, 's.sock') } });
  expect(connection.scope()).toBe('node');
});

test('a closed connection fails its calls, and a lost one says where it was', async () => {
  const path = join(await temporaryDirectory(), 'a.sock');
  const server = await serve(new World(), unixAt(path));
  const connection = await connect(path, { retry: { attempts: 1, initialMs: 1, maxMs: 1 } });
  await server.drain(0);
  await sleep(50);
  expect(await failure(connection.nodes.getNode(get))).toMatchObject({ reason: 'SERVER_UNREACHABLE', metadata: { address: path } });
  connection.close();
  await failure(connection.nodes.getNode(get));
});

async function leaveDead(path: string): Promise<void> {
  const { link, rm } = await import('node:fs/promises');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${path}.tmp`, resolve));
  await link(`${path}.tmp`, path);
  await new Promise((resolve) => server.close(resolve));
  await rm(`${path}.tmp`, { force: true });
}

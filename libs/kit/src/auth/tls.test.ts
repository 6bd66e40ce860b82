import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, Metadata, Server, ServerCredentials } from '@grpc/grpc-js';
import { sleep } from '@virtmesh/base';
import { HealthCheckRequest, HealthService } from '@virtmesh/contracts/grpc/health/v1/health';
import { Node } from '@virtmesh/contracts/node/v1/node';
import { GetNodeRequest, ListNodesRequest, NodeServiceService } from '@virtmesh/contracts/node/v1/node_service';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Caller,
  createClient,
  forwardMetadata,
  type Policy,
  silentLogger,
  tlsChannelCredentials,
  type TlsClientOptions,
  type TlsFiles,
} from '../index.ts';
import { channelTo, failure, nodeService, startLocal, startServer } from '../testing/fixture.ts';
import { sessionOf } from './authenticate.ts';
import { type CertificateFiles, ensureCertificates } from './certificates.ts';

const pki = mkdtempSync(join(tmpdir(), 'kit-pki-'));
afterAll(() => rmSync(pki, { recursive: true }));
const hosts = ['localhost', '127.0.0.1'];
let node: CertificateFiles, service: CertificateFiles, alice: CertificateFiles, mallory: CertificateFiles, bob: CertificateFiles;

beforeAll(async () => {
  const made = await ensureCertificates(
    [
      { identity: 'virtmesh://node/n1', hosts },
      { identity: 'virtmesh://service/domain-svc', hosts },
      { identity: 'virtmesh://user/alice' },
      { identity: 'virtmesh://user/bob' },
    ],
    { directory: join(pki, 'ours') },
  );
  [node, service, alice, bob] = made as [CertificateFiles, CertificateFiles, CertificateFiles, CertificateFiles];
  [mallory] = (await ensureCertificates([{ identity: 'virtmesh://service/domain-svc' }], { directory: join(pki, 'theirs') })) as [
    CertificateFiles,
  ];
});

const policy: Policy = {
  bindings: [
    { identity: 'virtmesh://user/alice', role: 'operator' },
    { identity: 'virtmesh://service/*', role: 'admin' },
  ],
};
const get = GetNodeRequest.fromPartial({ name: 'x' });

async function tlsServer(seen: Caller[] = [], files: TlsFiles = node): Promise<number> {
  const handlers = nodeService(
    {
      getNode: ({ name }, { caller }) => {
        seen.push(caller);
        return Node.fromPartial({ name });
      },
    },
    { getNode: 'operator', listNodes: 'raw' },
  );
  const server = await startServer([handlers], [{ kind: 'tls', host: '127.0.0.1', port: 0, ...files, policy }]);
  return Number(new URL(server.addresses[0] ?? '').port);
}

function clientOf(
  port: number,
  files: TlsFiles,
  options: Partial<TlsClientOptions> = {},
): ReturnType<typeof createClient<typeof NodeServiceService>> {
  return createClient(
    NodeServiceService,
    channelTo(`localhost:${port}`, { credentials: tlsChannelCredentials({ ...files, log: silentLogger(), ...options }) }),
  );
}

function forwardedAs(identity: string, role: string): Metadata {
  const metadata = new Metadata();
  metadata.set('x-virtmesh-identity', identity);
  metadata.set('x-virtmesh-role', role);
  return metadata;
}

test('a certificate says who calls, and the policy what they may', async () => {
  const seen: Caller[] = [];
  const client = clientOf(await tlsServer(seen), alice);
  await client.getNode(get);
  await client.getNode(get);
  const caller = { identity: 'virtmesh://user/alice', role: 'operator', via: 'tls', isService: false };
  expect(seen).toEqual([caller, caller]);
  expect(await failure(client.listNodes(ListNodesRequest.fromPartial({})))).toMatchObject({
    reason: 'PERMISSION_DENIED',
    metadata: { identity: 'virtmesh://user/alice', role: 'operator', required: 'raw' },
  });
});

test('who has no role here is let in to ask for health, and no more', async () => {
  const port = await tlsServer();
  expect(await failure(clientOf(port, bob).getNode(get))).toMatchObject({
    reason: 'PERMISSION_DENIED',
    metadata: { identity: 'virtmesh://user/bob', role: 'none' },
  });
  const health = createClient(
    HealthService,
    channelTo(`localhost:${port}`, { credentials: tlsChannelCredentials({ ...bob, log: silentLogger() }) }),
  );
  await expect(health.check(HealthCheckRequest.fromPartial({}))).resolves.toMatchObject({ status: 1 });
});

test('without a certificate there is no call', async () => {
  const channel = channelTo(`localhost:${await tlsServer()}`, { credentials: credentials.createSsl(readFileSync(node.ca)) });
  const fault = await failure(createClient(NodeServiceService, channel).getNode(get));
  expect(fault.reason).toBe('SERVER_UNREACHABLE');
  expect(fault.message).toMatch(/certificate|closed|reset|ECONNRESET|connection/i);
});

test('a certificate of another authority is refused, though it names a service', async () => {
  const port = await tlsServer();
  const fault = await failure(clientOf(port, { ...mallory, ca: node.ca }).getNode(get));
  expect(fault).toMatchObject({ reason: 'SERVER_UNREACHABLE', metadata: { rpc_code: 'UNAVAILABLE' } });
});

test('a server of another authority is refused', async () => {
  const port = await tlsServer([], { ...mallory, ca: node.ca });
  expect((await failure(clientOf(port, alice).getNode(get))).reason).toBe('SERVER_UNREACHABLE');
});

test('a certificate without an identity of ours is refused with what it needs', async () => {
  const base = join(pki, 'nameless');
  execFileSync(
    'openssl',
    [
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      `${base}.key`,
      '-out',
      `${base}.csr`,
      '-subj',
      '/CN=alice',
    ],
    { stdio: 'ignore' },
  );
  const extensions = join(pki, 'nameless.ext');
  writeFileSync(extensions, 'subjectAltName=URI:https://example.org/alice,DNS:localhost\n');
  execFileSync(
    'openssl',
    [
      'x509',
      '-req',
      '-in',
      `${base}.csr`,
      '-CA',
      node.ca,
      '-CAkey',
      node.ca.replace('.crt', '.key'),
      '-CAcreateserial',
      '-out',
      `${base}.crt`,
      '-days',
      '1',
      '-extfile',
      extensions,
    ],
    { stdio: 'ignore' },
  );
  const fault = await failure(clientOf(await tlsServer(), { ca: node.ca, cert: `${base}.crt`, key: `${base}.key` }).getNode(get));
  expect(fault.reason).toBe('UNAUTHENTICATED');
  expect(fault.message).toContain('virtmesh://user/NAME');
});

test('a service speaks for a user, with no more rights than its own', async () => {
  const seen: Caller[] = [];
  const client = clientOf(await tlsServer(seen), service);
  await client.getNode(get);
  await client.getNode(get, { metadata: forwardedAs('virtmesh://user/bob', 'operator') });
  await client.getNode(get, { metadata: forwardedAs('virtmesh://user/bob', 'raw') });
  expect(seen).toEqual([
    { identity: 'virtmesh://service/domain-svc', role: 'admin', via: 'tls', isService: true },
    { identity: 'virtmesh://user/bob', role: 'operator', via: 'tls', forwardedBy: 'virtmesh://service/domain-svc', isService: true },
    { identity: 'virtmesh://user/bob', role: 'admin', via: 'tls', forwardedBy: 'virtmesh://service/domain-svc', isService: true },
  ]);
  expect((await failure(client.getNode(get, { metadata: forwardedAs('virtmesh://user/bob', 'viewer') }))).reason).toBe('PERMISSION_DENIED');
});

test.each([
  ['virtmesh://root/x', 'viewer'],
  ['virtmesh://user/a', 'god'],
  ['virtmesh://user/a', ''],
  ['', 'viewer'],
])('a service cannot speak for %j as %j', async (identity, role) => {
  const fault = await failure(clientOf(await tlsServer(), service).getNode(get, { metadata: forwardedAs(identity, role) }));
  expect(fault.reason).toBe('REQUEST_INVALID');
});

test('nobody else speaks for others: not a user, not the local socket', async () => {
  const metadata = forwardedAs('virtmesh://user/root', 'raw');
  expect(await failure(clientOf(await tlsServer(), alice).getNode(get, { metadata }))).toMatchObject({
    reason: 'PERMISSION_DENIED',
    metadata: { identity: 'virtmesh://user/alice' },
  });
  const { channel } = await startLocal([nodeService()]);
  expect(await failure(createClient(NodeServiceService, channel).getNode(get, { metadata }))).toMatchObject({
    reason: 'PERMISSION_DENIED',
    metadata: { identity: 'virtmesh://local' },
  });
});

test('the caller is forwarded as it is', async () => {
  const metadata = forwardMetadata({
    caller: { identity: 'virtmesh://user/alice', role: 'viewer', via: 'tls', isService: false },
    callId: 'call-0001',
    traceparent: undefined,
  });
  expect(metadata.getMap()).toEqual({
    'x-virtmesh-identity': 'virtmesh://user/alice',
    'x-virtmesh-role': 'viewer',
    'x-virtmesh-call-id': 'call-0001',
  });
});

test('a client can insist on the identity of its server', async () => {
  const port = await tlsServer();
  expect((await clientOf(port, alice, { serverIdentity: 'virtmesh://node/n1' }).getNode(get)).name).toBe('x');
  const fault = await failure(clientOf(port, alice, { serverIdentity: 'virtmesh://node/n2' }).getNode(get));
  expect(fault.message).toContain('not of virtmesh://node/n2');
});

test('changed certificates are taken up without a restart, broken ones are not', async () => {
  const live: TlsFiles = { ca: join(pki, 'live-ca.crt'), cert: join(pki, 'live.crt'), key: join(pki, 'live.key') };
  const install = async (from: TlsFiles): Promise<void> => {
    for (const part of ['ca', 'cert', 'key'] as const) await copyFile(from[part], live[part]);
  };
  await install(node);
  const port = await tlsServer([], live);
  await clientOf(port, alice, { serverIdentity: 'virtmesh://node/n1' }).getNode(get);
  await copyFile(alice.key, live.key);
  await sleep(500);
  await clientOf(port, alice, { serverIdentity: 'virtmesh://node/n1' }).getNode(get);
  await install(service);
  await expect
    .poll(
      async () =>
        (await failure(clientOf(port, alice, { serverIdentity: 'virtmesh://node/n1' }).getNode(get)).catch(() => undefined))?.message,
      { timeout: 5000 },
    )
    .toContain('service/domain-svc');
  await clientOf(port, alice, { serverIdentity: 'virtmesh://service/domain-svc' }).getNode(get);
});

test.each([
  ['a missing file', (): TlsFiles => ({ ...node, cert: join(pki, 'none.crt') }), 'none.crt'],
  ['a file that is no certificate', (): TlsFiles => ({ ...node, cert: node.key }), 'node-n1.key'],
  ['a key of another certificate', (): TlsFiles => ({ ...node, key: alice.key }), 'is not the key of'],
])('%s is named when the server starts', async (_name, files, words) => {
  const fault = await failure(tlsServer([], files()));
  expect(fault.reason).toBe('HOST_INCOMPATIBLE');
  expect(fault.message).toContain(words);
});

test('grpc-js still lets the session of a call be found', async () => {
  const sessions = new Set<object | undefined>();
  const server = new Server();
  const { path } = NodeServiceService.getNode;
  server.register(
    path,
    (call: object, callback: (error: null, value: Buffer) => void) => {
      sessions.add(sessionOf(call));
      callback(null, Buffer.alloc(0));
    },
    (bytes: Buffer) => bytes,
    (bytes: Buffer) => bytes,
    'unary',
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  const client = createClient(NodeServiceService, channelTo(`127.0.0.1:${port}`));
  await client.getNode(get);
  await client.getNode(get);
  server.forceShutdown();
  expect(sessions.size).toBe(1);
  expect(sessions.has(undefined)).toBe(false);
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DomainServiceService, ListDomainsRequest, StartDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { NodeServiceService } from '@virtmesh/contracts/node/v1/node_service';
import { EventBus, NodeRegistry } from '@virtmesh/events';
import { FakeAgent } from '@virtmesh/fleet/testing';
import { createClient, type Endpoint, openChannel, silentLogger, tlsChannelCredentials } from '@virtmesh/kit';
import { type CertificateFiles, ensureCertificates } from '@virtmesh/kit/certificates';
import { describe, expect, it } from 'vitest';
import { freePort, NatsServer } from '../../support/nats.ts';
import { ServiceProcess } from '../../support/service-process.ts';

const hosts = ['127.0.0.1'];
const log = silentLogger();

const endpoint = (files: CertificateFiles): Endpoint => ({
  kind: 'tls',
  host: '127.0.0.1',
  port: 0,
  ...files,
  policy: { bindings: [{ identity: 'virtmesh://service/*', role: 'raw' }] },
});

describe('domain-svc over TLS', () => {
  it('speaks for users by their certificates, and trusts an agent only as the node that its certificate names', async () => {
    await using cleanup = new AsyncDisposableStack();
    const directory = await mkdtemp(join(tmpdir(), 'vm-tls-'));
    cleanup.defer(() => rm(directory, { recursive: true, force: true }));
    const identities = ['node/n1', 'node/n2', 'service/domain-svc', 'user/alice', 'user/bob', 'user/mallory'];
    const requests = identities.map((identity) => ({ identity: `virtmesh://${identity}`, hosts }));
    const files = await ensureCertificates(requests, { directory });
    const [node1, node2, service, alice, bob, mallory] = files as [
      CertificateFiles,
      CertificateFiles,
      CertificateFiles,
      CertificateFiles,
      CertificateFiles,
      CertificateFiles,
    ];
    const nats = cleanup.use(await NatsServer.start());
    const honest = cleanup.use(await new FakeAgent('n1').start([endpoint(node1)]));
    // Has the certificate of n2 and says that it is n3.
    const impostor = cleanup.use(await new FakeAgent('n3').start([endpoint(node2)]));
    honest.define('web');
    impostor.define('trap');
    const bus = cleanup.use(EventBus.open({ servers: [nats.url], name: 'agents', log }));
    const registry = new NodeRegistry({ bus, log });
    for (const agent of [honest, impostor]) {
      const registration = {
        node: agent.node,
        nodeUid: agent.uid,
        addresses: [agent.tcpAddress],
        agentVersion: '1',
        startTime: new Date(),
      };
      await registry.register(registration, AbortSignal.timeout(10_000));
    }
    const port = await freePort();
    const socket = join(directory, 's.sock');
    const bindings = [
      { identity: 'virtmesh://user/alice', role: 'operator' },
      { identity: 'virtmesh://user/bob', role: 'viewer' },
    ];
    const config = {
      sockets: { path: socket, readOnlyPath: join(directory, 'r.sock') },
      tls: { host: '127.0.0.1', port, cert: service.cert, key: service.key, ca: service.ca, bindings },
      nats: { servers: [nats.url] },
    };
    const svc = cleanup.use(new ServiceProcess({ service: 'domain-svc', directory, config, socket }));
    await svc.start();
    const connect = (as: CertificateFiles, serverIdentity = 'virtmesh://service/domain-svc'): ReturnType<typeof openChannel> => {
      const channel = openChannel(`127.0.0.1:${port}`, { credentials: tlsChannelCredentials({ ...as, serverIdentity, log }) });
      cleanup.defer(() => channel.close());
      return channel;
    };
    const list = ListDomainsRequest.fromPartial({ parent: 'nodes/-' });
    const start = StartDomainRequest.fromPartial({ name: 'nodes/n1/domains/web' });

    const asAlice = createClient(DomainServiceService, connect(alice));
    await expect.poll(async () => (await asAlice.listDomains(list)).domains.map(({ name }) => name)).toEqual(['nodes/n1/domains/web']);
    expect(await asAlice.startDomain(start)).toMatchObject({ requestor: 'virtmesh://user/alice' });
    expect(honest.calls.at(-1)?.context.caller).toMatchObject({
      identity: 'virtmesh://user/alice',
      role: 'operator',
      forwardedBy: 'virtmesh://service/domain-svc',
    });

    const asBob = createClient(DomainServiceService, connect(bob));
    expect((await asBob.listDomains(list)).domains).toHaveLength(1);
    await expect(asBob.startDomain(start)).rejects.toMatchObject({ reason: 'PERMISSION_DENIED', metadata: { required: 'operator' } });
    await expect(createClient(DomainServiceService, connect(mallory)).listDomains(list)).rejects.toMatchObject({
      reason: 'PERMISSION_DENIED',
    });
    await expect(createClient(DomainServiceService, connect(alice, 'virtmesh://service/other')).listDomains(list)).rejects.toMatchObject({
      reason: 'SERVER_UNREACHABLE',
    });

    const nodes = createClient(NodeServiceService, connect(alice));
    const conditions = async (): Promise<string[]> =>
      (await nodes.listNodes({ pageSize: 0, pageToken: '' })).nodes.map(({ name, condition }) => `${name} ${condition}`);
    await expect.poll(conditions).toEqual(['nodes/n1 1', 'nodes/n3 2']);
    await expect(asAlice.startDomain({ ...start, name: 'nodes/n3/domains/trap' })).rejects.toMatchObject({
      reason: 'NODE_UNREACHABLE',
      metadata: { node: 'n3', why: expect.stringContaining('virtmesh://node/n2, not of virtmesh://node/n3') as unknown },
    });
    expect(impostor.calls).toEqual([]);
  });
});

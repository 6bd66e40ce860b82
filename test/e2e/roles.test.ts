import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { Connection } from '@virtmesh/client';
import {
  CreateDomainRequest,
  DeleteDomainRequest,
  DestroyDomainRequest,
  GetDomainCapabilitiesRequest,
  ListDomainsRequest,
  ListDomainStatsRequest,
  RebootDomainRequest,
  ResumeDomainRequest,
  SetDomainAutostartRequest,
  ShutdownDomainRequest,
  StartDomainRequest,
  SuspendDomainRequest,
  UpdateDomainRequest,
} from '@virtmesh/contracts/domain/v1/domain_service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleSession } from '../support/console-session.ts';
import { idleMachine } from '../support/domain-specs.ts';
import { TestSystem } from '../support/system.ts';
import type { TestClient } from '../support/test-client.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await TestSystem.start({ fleet: true });
  await (await system.client()).run('shown', idleMachine({ serials: [{}] }));
});
afterAll(async () => system[Symbol.asyncDispose]());

/** Every call that changes something. */
function changes({ domains, operations }: Connection): Record<string, () => Promise<unknown>> {
  const name = 'nodes/n1/domains/shown';
  return {
    create: () => domains.createDomain(CreateDomainRequest.fromPartial({ parent: 'nodes/n1', domainId: 'new', spec: idleMachine() })),
    validate: () =>
      domains.createDomain(
        CreateDomainRequest.fromPartial({ parent: 'nodes/n1', domainId: 'new', spec: idleMachine(), validateOnly: true }),
      ),
    update: () => domains.updateDomain(UpdateDomainRequest.fromPartial({ name, updateMask: ['title'] })),
    delete: () => domains.deleteDomain(DeleteDomainRequest.fromPartial({ name, destroy: true })),
    start: () => domains.startDomain(StartDomainRequest.fromPartial({ name })),
    shutdown: () => domains.shutdownDomain(ShutdownDomainRequest.fromPartial({ name })),
    destroy: () => domains.destroyDomain(DestroyDomainRequest.fromPartial({ name })),
    reboot: () => domains.rebootDomain(RebootDomainRequest.fromPartial({ name })),
    suspend: () => domains.suspendDomain(SuspendDomainRequest.fromPartial({ name })),
    resume: () => domains.resumeDomain(ResumeDomainRequest.fromPartial({ name })),
    autostart: () => domains.setDomainAutostart(SetDomainAutostartRequest.fromPartial({ name, autostart: true })),
    cancel: () => operations.cancelOperation({ name: `nodes/n1/operations/${randomUUID()}` }),
  };
}

describe.each(['agent', 'fleet'] as const)('the read-only socket of the %s', (scope) => {
  let connection: Connection;
  beforeAll(async () => {
    connection = await system.connect(scope, 'read-only');
  });

  it('refuses every change', async () => {
    const before = await connection.domains.getDomain({ name: 'nodes/n1/domains/shown', view: 0 });
    for (const [verb, call] of Object.entries(changes(connection))) {
      await expect(call(), verb).rejects.toMatchObject({ reason: 'PERMISSION_DENIED', metadata: { role: 'viewer' } });
    }
    expect((await connection.domains.getDomain({ name: before.name, view: 0 })).revision).toBe(before.revision);
  });

  it('lets everything be read', async () => {
    const { domains, nodes, operations } = connection;
    expect((await domains.listDomains(ListDomainsRequest.fromPartial({ parent: 'nodes/-' }))).domains).toHaveLength(1);
    expect((await domains.listDomainStats(ListDomainStatsRequest.fromPartial({ parent: 'nodes/-' }))).stats).toHaveLength(1);
    await domains.getDomainStats({ name: 'nodes/n1/domains/shown' });
    await domains.getDomainCapabilities(GetDomainCapabilitiesRequest.fromPartial({ node: 'nodes/n1' }));
    await nodes.getNode({ name: 'nodes/n1' });
    expect(
      (await operations.listOperations({ parent: 'nodes/-', pageSize: 0, pageToken: '', target: '', includeDone: true })).operations,
    ).toHaveLength(1);
    const watch = domains.watchDomains({ parent: 'nodes/-', resumeToken: '', uid: '' }, { timeoutMs: 10_000 });
    expect((await watch.next()).value).toBeDefined();
    await watch.return?.();
  });

  it('lets a console be followed, and not written to', async () => {
    await using follower = new ConsoleSession(connection, { name: 'nodes/n1/domains/shown', readOnly: true });
    expect(await follower.opened).toMatchObject({ writable: false });
    await using writer = new ConsoleSession(connection, { name: 'nodes/n1/domains/shown' });
    await expect(writer.opened).rejects.toMatchObject({ reason: 'PERMISSION_DENIED' });
  });

  it('is no more open to the host than the other', async () => {
    const path = scope === 'agent' ? system.agentSocket : system.domainSvcSocket;
    for (const each of [path, path.replace('.sock', '-ro.sock')]) expect(((await stat(each)).mode & 0o777).toString(8)).toBe('660');
  });
});

describe('roles between', () => {
  it('lets an operator run what an admin has defined, and only the role raw pass arguments to QEMU', async () => {
    await using own = await TestSystem.start();
    const as = async (role: string): Promise<TestClient> => {
      await own.agent.kill('SIGTERM');
      own.agent.configure({ sockets: { path: own.agentSocket, readOnlyPath: own.agentSocket.replace('.sock', '-ro.sock'), role } });
      await own.agent.start();
      return own.client();
    };
    const admin = await as('admin');
    const raw = idleMachine({ qemu: { args: ['-name', 'other'] } });
    await expect(admin.create('raw', raw)).rejects.toMatchObject({ reason: 'PERMISSION_DENIED', metadata: { required: 'raw' } });
    await admin.create('plain', idleMachine());
    await expect(admin.update('plain', ['qemu'], raw)).rejects.toMatchObject({ reason: 'PERMISSION_DENIED' });
    await expect(admin.update('plain', ['*'], raw)).rejects.toMatchObject({ reason: 'PERMISSION_DENIED' });
    const operator = await as('operator');
    await operator.start('plain');
    await expect(operator.update('plain', ['title'], {})).rejects.toMatchObject({ reason: 'PERMISSION_DENIED' });
    await operator.destroy('plain');
    await expect(operator.delete('plain')).rejects.toMatchObject({ reason: 'PERMISSION_DENIED' });
    const all = await as('raw');
    expect((await all.run('raw', raw)).spec?.qemu?.args).toEqual(['-name', 'other']);
  });
});

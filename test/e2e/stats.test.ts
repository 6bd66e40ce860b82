import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { ListDomainStatsRequest, type ListDomainStatsResponse } from '@virtmesh/contracts/domain/v1/domain_service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileDisk, idleMachine, mebibyte } from '../support/domain-specs.ts';
import { eventually } from '../support/eventually.ts';
import { makeDisk } from '../support/guest-image.ts';
import { TestSystem } from '../support/system.ts';
import type { TestClient } from '../support/test-client.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await TestSystem.start({ fleet: true });
  const client = await system.client();
  await makeDisk(`${system.disks}/a.raw`, mebibyte, 'raw');
  await makeDisk(`${system.disks}/b.qcow2`, mebibyte, 'qcow2');
  const disks = [fileDisk(`${system.disks}/a.raw`, 'raw', { id: 'first' }), fileDisk(`${system.disks}/b.qcow2`, 'qcow2', { id: 'second' })];
  await client.run('busy', idleMachine({ disks, cpu: { vcpus: 2 } }));
  await client.run('calm', idleMachine());
  await client.create('off', idleMachine());
});
afterAll(async () => system[Symbol.asyncDispose]());

describe.each(['agent', 'fleet'] as const)('statistics of the %s', (scope) => {
  let client: TestClient;
  beforeAll(async () => {
    client = await system.client(scope);
  });
  const list = (over: Parameters<typeof ListDomainStatsRequest.fromPartial>[0] = {}): Promise<ListDomainStatsResponse> =>
    client.connection.domains.listDomainStats(ListDomainStatsRequest.fromPartial({ parent: 'nodes/n1', ...over }));

  it('tells what a domain has used', async () => {
    const { uid } = await client.get('busy');
    const stats = await client.connection.domains.getDomainStats({ name: client.name('busy') });
    expect(stats).toMatchObject({
      name: client.name('busy'),
      uid,
      state: DomainState.RUNNING,
      error: undefined,
      time: expect.any(Date) as unknown,
      cpu: { vcpus: 2 },
      memory: { currentBytes: 32n * mebibyte, maximumBytes: 32n * mebibyte },
      blocks: [{ id: 'first' }, { id: 'second' }],
    });
    expect(stats.cpu?.timeNs).toBeGreaterThan(10_000_000n);
    expect(stats.cpu?.timeNs).toBe((stats.cpu?.userNs ?? 0n) + (stats.cpu?.systemNs ?? 0n));
    expect(stats.memory?.residentBytes).toBeGreaterThan(8n * mebibyte);
    await eventually(
      'the firmware looking for something to boot',
      async () => ((await client.connection.domains.getDomainStats({ name: client.name('busy') })).blocks[0]?.readRequests ?? 0n) > 0n,
    );
    expect(stats.memory?.guestFreeBytes).toBeUndefined();
  });

  it('tells of those that run, or of all, by pages', async () => {
    expect((await list()).stats.map((each) => each.name)).toEqual([client.name('busy'), client.name('calm')]);
    expect((await list({ parent: 'nodes/-' })).stats).toHaveLength(2);
    const first = await list({ includeInactive: true, pageSize: 2 });
    const second = await list({ includeInactive: true, pageSize: 2, pageToken: first.nextPageToken });
    expect([...first.stats, ...second.stats].map((each) => [each.name, each.state])).toEqual([
      [client.name('busy'), DomainState.RUNNING],
      [client.name('calm'), DomainState.RUNNING],
      [client.name('off'), DomainState.SHUTOFF],
    ]);
    expect(second.nextPageToken).toBe('');
    await expect(list({ pageToken: first.nextPageToken })).rejects.toMatchObject({ reason: 'TOKEN_INVALID' });
    await expect(list({ guestTimeout: { seconds: 31n, nanos: 0 } })).rejects.toMatchObject({ reason: 'REQUEST_INVALID' });
  });

  it('says that a domain does not run', async () => {
    expect(await client.connection.domains.getDomainStats({ name: client.name('off') })).toMatchObject({
      state: DomainState.SHUTOFF,
      cpu: undefined,
      memory: undefined,
      blocks: [],
      error: undefined,
    });
  });
});

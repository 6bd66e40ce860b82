import { DomainState, DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { ListDomainStatsRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { idleMachine } from '../support/domain-specs.ts';
import { eventually } from '../support/eventually.ts';
import { TestSystem } from '../support/system.ts';
import type { TestClient } from '../support/test-client.ts';

// One guest's QEMU answers nothing; what is asked of everything else must not notice.

let system: TestSystem;
const others = ['first', 'second', 'third'];
beforeAll(async () => {
  system = await TestSystem.start({ fleet: true });
  const client = await system.client();
  await Promise.all(others.map((id) => client.run(id, idleMachine())));
});
afterAll(async () => system[Symbol.asyncDispose]());

/** Milliseconds that something takes. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

/** The median of the times that each call on the other guests takes. */
async function answering(client: TestClient): Promise<Record<string, number>> {
  const calls: Record<string, () => Promise<unknown>> = {
    get: () => client.get('first'),
    list: () => client.list(),
    suspend: () => client.suspend('second'),
    resume: () => client.resume('second'),
    update: () => client.update('third', ['title'], { title: String(Math.random()) }),
    stats: () => client.connection.domains.getDomainStats({ name: client.name('first') }),
    node: () => client.connection.nodes.getNode({ name: 'nodes/n1' }),
    lifecycle: async () => {
      await client.run('short', idleMachine());
      await client.remove('short');
    },
  };
  const medians: Record<string, number> = {};
  for (const [name, call] of Object.entries(calls)) {
    const times: number[] = [];
    for (let round = 0; round < 5; round += 1) times.push(await timed(call));
    medians[name] = times.toSorted((a, b) => a - b)[2] ?? 0;
  }
  return medians;
}

describe.each(['agent', 'fleet'] as const)('a stopped QEMU, seen through the %s', (scope) => {
  const id = `stuck-${scope}`;
  let client: TestClient;
  let pid = 0;
  let uid = '';
  beforeAll(async () => {
    client = await system.client(scope);
    const domain = await client.run(id, idleMachine());
    pid = Number(domain.status?.pid);
    uid = domain.uid;
  });

  it('leaves every other call as it was', async () => {
    const before = await answering(client);
    process.kill(pid, 'SIGSTOP');
    const during = await answering(client);
    // Loosely: far below any deadline that such a guest could make others wait for.
    for (const [name, ms] of Object.entries(during))
      expect(ms, `${name}: ${before[name]} ms before`).toBeLessThan(400 + 10 * (before[name] ?? 0));
  });

  it('is marked by ListStats within its deadline', async () => {
    const request = ListDomainStatsRequest.fromPartial({ parent: 'nodes/n1', guestTimeout: { seconds: 0n, nanos: 300_000_000 } });
    let answer = await client.connection.domains.listDomainStats(request);
    const ms = await timed(async () => {
      answer = await client.connection.domains.listDomainStats(request);
    });
    expect(ms).toBeLessThan(300 + 700);
    const marked = answer.stats.filter((each) => each.error !== undefined);
    expect(marked.map((each) => each.name)).toEqual([client.name(id)]);
    expect(answer.stats).toHaveLength(4);
    // What the kernel knows of it is there nevertheless.
    expect(marked[0]?.cpu?.timeNs).toBeGreaterThan(0n);
    for (const stats of answer.stats.filter((each) => each.error === undefined)) expect(stats.memory?.residentBytes).toBeGreaterThan(0n);
  });

  it('is reported as unknown, and as it is when it goes on', async () => {
    const stats = await client.connection.domains.getDomainStats({ name: client.name(id) });
    expect(stats.error?.message).toMatch(/did not answer/);
    const seen = await eventually('its state', async () => {
      const { status } = await client.get(id);
      return status?.state === DomainState.UNKNOWN && status;
    });
    expect(seen).toMatchObject({ reason: DomainStateReason.HYPERVISOR_UNRESPONSIVE, pid: BigInt(pid) });
    await expect(client.suspend(id)).rejects.toMatchObject({ reason: 'STATE_INVALID', metadata: { state: 'UNKNOWN' } });

    process.kill(pid, 'SIGCONT');
    await eventually('its state', async () => (await client.get(id)).status?.state === DomainState.RUNNING);
    expect((await client.suspend(id)).status?.state).toBe(DomainState.PAUSED);
    await client.resume(id);
    const { revision } = await client.get(id);
    await system.tape.reached(revision);
    expect(system.tape.story(uid)).toEqual(['defined added', 'started booted', 'suspended paused', 'resumed unpaused']);
  });

  it('is destroyed within a second', async () => {
    process.kill(pid, 'SIGSTOP');
    expect(await timed(() => client.destroy(id))).toBeLessThan(1000);
    expect((await client.get(id)).status).toMatchObject({ state: DomainState.SHUTOFF, reason: DomainStateReason.DESTROYED });
    expect(await system.traces(uid)).toEqual([]);
  });

  it('is destroyed within a second also by an agent that started when it was stopped', async () => {
    const { status } = await client.start(id);
    process.kill(Number(status?.pid), 'SIGSTOP');
    await system.agent.kill();
    await system.agent.start();
    await system.nodeReady();
    // The other guests are as they were, at once.
    for (const other of others) expect((await client.get(other)).status).toMatchObject({ state: DomainState.RUNNING, startCount: 1n });
    expect(await timed(() => client.destroy(id))).toBeLessThan(1000);
    expect(await system.traces(uid)).toEqual([]);
    await client.delete(id);
  });
});

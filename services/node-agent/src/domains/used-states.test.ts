import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DomainState, DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { beforeEach, describe, expect, it } from 'vitest';
import { agentLives } from '../testing/agent-lives.ts';
import { atOnce, idOf, never, reasonOf } from '../testing/operation-ends.ts';
import { domainIn, type TestAgent } from '../testing/test-agent.ts';
import { type Verbs, verbsOf } from '../testing/verbs.ts';

// A guest that goes on from a saved state changes its disks: whatever kills the agent, no guest goes on from it again.

let agent: TestAgent;
let verbs: Verbs;
const { begin, kill } = agentLives((life, of) => {
  [agent, verbs] = [life, of];
});

const state = (): string => join(agent.world.files, 'state');
const managed = (): string[] => (existsSync(join(agent.world.files, 'saved')) ? readdirSync(join(agent.world.files, 'saved')) : []);
const restores = (uid: string): number => agent.world.calls.filter((call) => call === `run:${uid}`).length;

/** Kills the agent, and answers how an operation ended in the next life. */
async function endAfterKill(operation: Operation): Promise<Operation> {
  await kill();
  const ended = await agent.context.operations.wait(idOf(operation), AbortSignal.timeout(5_000), 5_000);
  await agent.settled();
  return ended;
}

interface Case {
  readonly what: string;
  readonly verb: string;
  readonly save: () => Promise<Operation>;
  readonly act: () => Promise<Operation>;
  /** Whether the domain is one that is kept. */
  readonly stays: boolean;
}

const cases: readonly Case[] = [
  {
    what: 'a start from the state that the agent keeps',
    verb: 'start',
    save: () => verbs.save('web'),
    act: () => verbs.start('web', atOnce),
    stays: true,
  },
  {
    what: 'a restore',
    verb: 'restore',
    save: () => verbs.save('web', { path: state() }),
    act: () => verbs.restore(state(), atOnce),
    stays: true,
  },
  {
    what: 'a restore of a domain that is no more',
    verb: 'restore',
    save: async () => {
      await verbs.save('web', { path: state() });
      return verbs.delete('web');
    },
    act: () => verbs.restore(state(), atOnce),
    stays: false,
  },
];

describe.each(cases)('$what', ({ act, save, stays, verb }) => {
  let uid: string;
  beforeEach(async () => {
    uid = domainIn(await verbs.create('web', { start: true })).uid;
    expect((await save()).state).toBe(OperationState.SUCCEEDED);
    agent.world.calls.length = 0;
  });

  /** Begins it, and answers when it hangs at a place. */
  async function hangAt(place: string): Promise<Operation> {
    const reached = new Promise<void>((resolve) =>
      agent.world.hooks.set(place, () => {
        resolve();
        return never();
      }),
    );
    const begun = await act();
    await reached;
    return begun;
  }

  it('fails where its guest has ended since it was let go, and the agent died before that was recorded', async () => {
    const begun = await hangAt('run');
    agent.world.guests.delete(uid);
    const ended = await endAfterKill(begun);
    expect([ended.state, reasonOf(ended), restores(uid)]).toEqual([OperationState.FAILED, 'HYPERVISOR_FAILED', 1]);
    expect([agent.world.guests.size, agent.world.held.size, managed()]).toEqual([0, 0, []]);
    expect(agent.context.store.runtimes.all().map((row) => row.uid)).toEqual(['host:boot']);
    expect(agent.eventNames(uid).endsWith('stopped')).toBe(true);
    expect(agent.registry.size).toBe(stays ? 1 : 0);
    if (!stays) return;
    const status = { state: DomainState.SHUTOFF, reason: DomainStateReason.FAILED, managedSave: false, job: '' };
    expect(agent.registry.get(uid)?.domain.status).toMatchObject(status);
    expect(domainIn(await verbs.start('web')).status?.state).toBe(DomainState.RUNNING);
    expect(agent.world.guest(uid).restored).toBe(false);
  });

  it('succeeds where its guest runs', async () => {
    const begun = await hangAt('run');
    expect((await endAfterKill(begun)).state).toBe(OperationState.SUCCEEDED);
    expect([restores(uid), agent.world.guest(uid).restored, managed()]).toEqual([1, true, []]);
    // What is known of its start is of no more use: its end is one like any other.
    agent.world.guests.delete(uid);
    await begin(agent.kill());
    expect(agent.registry.get(uid)?.domain.status?.state).toBe(stays ? DomainState.SHUTOFF : undefined);
    expect(agent.world.held.size).toBe(0);
  });

  it('goes on where its guest was not let go', async () => {
    agent = await agent.kill({ failpoints: `${verb}.use-state.after=hang` });
    verbs = verbsOf(agent);
    const begun = await act();
    await expect.poll(() => agent.context.store.runtimes.get(`guest:${uid}`)).toMatchObject({ uses: idOf(begun) });
    await begin(agent.kill({ failpoints: '' }));
    const ended = await agent.context.operations.wait(idOf(begun), AbortSignal.timeout(5_000), 5_000);
    await agent.settled();
    expect([ended.state, restores(uid), agent.world.guest(uid).restored]).toEqual([OperationState.SUCCEEDED, 1, true]);
  });

  it('is taken back where its cancel was asked for, and its state is not used again', async () => {
    const begun = await hangAt('run');
    agent.context.operations.cancel(idOf(begun));
    expect((await endAfterKill(begun)).state).toBe(OperationState.CANCELLED);
    expect([agent.world.guests.size, agent.world.held.size, managed()]).toEqual([0, 0, []]);
    expect(agent.registry.get(uid)?.domain.status?.managedSave).toBe(stays ? false : undefined);
  });
});

it('a state is not used again where its start was taken back after the guest was let go', async () => {
  const { uid } = domainIn(await verbs.create('web', { start: true }));
  await verbs.save('web');
  await begin(agent.kill({ failpoints: 'start.record=throw' }));
  expect((await verbs.start('web')).state).toBe(OperationState.FAILED);
  await agent.settled();
  expect(agent.registry.get(uid)?.domain.status).toMatchObject({ state: DomainState.SHUTOFF, managedSave: false });
  expect(managed()).toEqual([]);
});

it('a state stays where its guest could not be let go', async () => {
  const { uid } = domainIn(await verbs.create('web', { start: true }));
  await verbs.save('web');
  agent.world.hooks.set('spawn', () => {
    throw new Error('no');
  });
  expect((await verbs.start('web')).state).toBe(OperationState.FAILED);
  agent.world.hooks.clear();
  expect(agent.registry.get(uid)?.domain.status?.managedSave).toBe(true);
  expect(domainIn(await verbs.start('web')).status?.reason).toBe(DomainStateReason.RESTORED);
});

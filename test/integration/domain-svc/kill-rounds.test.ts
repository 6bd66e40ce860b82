import { setTimeout as delay } from 'node:timers/promises';
import { Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { DomainView } from '@virtmesh/contracts/domain/v1/domain_service';
import type { FakeAgent } from '@virtmesh/fleet/testing';
import { describe, expect, it } from 'vitest';
import { ControlWorld, listAll } from './world.ts';

/** Repeatable chance. */
function dice(seed: number): (sides: number) => number {
  let state = seed >>> 0;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

const journalOf = (agent: FakeAgent): string[] => agent.entries.map((entry) => entry.event.context?.id ?? '');
const truthOf = (agents: readonly FakeAgent[]): unknown[] =>
  agents
    .flatMap((agent) => [...agent.domains.values()])
    .map((domain) => Domain.toJSON(domain))
    .toSorted((a, b) => ((a as Domain).name < (b as Domain).name ? -1 : 1));

const seed = Number(process.env['VIRTMESH_TEST_SEED'] ?? Math.trunc(Date.now() / 1000));

describe(`two replicas of domain-svc (VIRTMESH_TEST_SEED=${seed})`, () => {
  it(
    'lose no event, double none, and list the truth, over kills of themselves, of NATS and of agents at any moment',
    { timeout: 180_000 },
    async () => {
      const roll = dice(seed);
      await using world = await ControlWorld.start();
      const agents = [await world.agent('n1'), await world.agent('n2')];
      const replicas = [await world.replica('a'), await world.replica('b')];
      const change = (): void => {
        for (const agent of agents) {
          for (let count = roll(25); count > 0; count -= 1) {
            const uids = [...agent.domains.keys()];
            const uid = uids[roll(uids.length)];
            const what = roll(10);
            if (!uid || what === 0) agent.define(`d${agent.last}`);
            else if (what === 1) agent.remove(uid);
            else if (what === 2) agent.setTitle(uid, `title ${agent.last}`);
            else if (what === 3) agent.nodeEvent();
            else agent.setState(uid, what % 2 === 0 ? DomainState.RUNNING : DomainState.PAUSED);
          }
        }
      };
      for (let round = 0; round < 14; round += 1) {
        change();
        await delay(roll(40));
        const victim = roll(4);
        const replica = replicas[roll(2)];
        const agent = agents[roll(2)];
        if (victim === 0) await world.nats.kill();
        else if (victim === 1) await agent?.stop();
        else await replica?.process.kill();
        change();
        await delay(roll(150));
        if (victim === 0) await world.nats.restart();
        else if (victim === 1) await agent?.start();
        else await replica?.process.start();
      }
      const expected = agents.flatMap(journalOf);
      const stream = (await world.stream(expected.length, 60_000)).map(({ event, node, kind }) => ({ id: event.id, node, kind }));
      expect(stream.map(({ id }) => id).toSorted()).toEqual(expected.toSorted());
      for (const agent of agents) {
        for (const kind of ['domain', 'node'] as const) {
          const inOrder = agent.entries.filter((entry) => entry.kind === kind).map((entry) => entry.event.context?.id);
          expect(stream.filter((event) => event.node === agent.node && event.kind === kind).map(({ id }) => id)).toEqual(inOrder);
        }
      }
      for (const replica of replicas) {
        await expect
          .poll(
            async () =>
              (await listAll(replica, { view: DomainView.FULL })).domains.map((domain) => Domain.toJSON({ ...domain, asOf: undefined })),
            { timeout: 20_000 },
          )
          .toEqual(truthOf(agents));
      }
    },
  );
});

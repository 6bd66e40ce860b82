import { setTimeout as delay } from 'node:timers/promises';
import { Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FakeAgent } from './testing/fake-agent.ts';
import { FleetWorld } from './testing/fleet-world.ts';

/** The truth and the index's copy of it, as plain data. */
const truth = (agents: Iterable<FakeAgent>): string[] =>
  [...agents].flatMap((agent) => [...agent.domains.values()].map((domain) => JSON.stringify(Domain.toJSON(domain)))).toSorted();
const indexed = (world: FleetWorld): string[] =>
  [...world.index.after(undefined)]
    .map((entry) => JSON.stringify(Domain.toJSON(Domain.decode(Buffer.concat([entry.basic, entry.definitions])))))
    .toSorted();

const action = fc.oneof(
  { weight: 4, arbitrary: fc.record({ t: fc.constant('define' as const), node: fc.constantFrom(0, 1) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      t: fc.constant('state' as const),
      node: fc.constantFrom(0, 1),
      pick: fc.nat(100),
      state: fc.constantFrom(DomainState.RUNNING, DomainState.SHUTOFF, DomainState.PAUSED),
    }),
  },
  { weight: 3, arbitrary: fc.record({ t: fc.constant('title' as const), node: fc.constantFrom(0, 1), pick: fc.nat(100) }) },
  { weight: 2, arbitrary: fc.record({ t: fc.constant('remove' as const), node: fc.constantFrom(0, 1), pick: fc.nat(100) }) },
  { weight: 1, arbitrary: fc.record({ t: fc.constant('node event' as const), node: fc.constantFrom(0, 1) }) },
  { weight: 1, arbitrary: fc.record({ t: fc.constant('trim' as const), node: fc.constantFrom(0, 1) }) },
  { weight: 1, arbitrary: fc.record({ t: fc.constant('renew' as const), node: fc.constantFrom(0, 1) }) },
  { weight: 2, arbitrary: fc.record({ t: fc.constant('stop' as const), node: fc.constantFrom(0, 1) }) },
  { weight: 3, arbitrary: fc.record({ t: fc.constant('start' as const), node: fc.constantFrom(0, 1) }) },
  { weight: 3, arbitrary: fc.record({ t: fc.constant('wait' as const), ms: fc.nat(15) }) },
);
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;

let defined = 0;

async function perform(agents: readonly FakeAgent[], act: Action): Promise<void> {
  if (act.t === 'wait') return delay(act.ms);
  const agent = agents[act.node];
  if (!agent) return;
  const domains = [...agent.domains.values()];
  switch (act.t) {
    case 'define':
      agent.define(`d${(defined += 1)}`, { labels: { number: String(defined) } });
      return;
    case 'node event':
      return agent.nodeEvent();
    case 'trim':
      return agent.trim();
    case 'renew':
      await agent.stop();
      agent.renew();
      await agent.start();
      return;
    case 'stop':
      return agent.stop();
    case 'start':
      await agent.start();
      return;
    default: {
      const domain = domains[act.pick % domains.length];
      if (!domain) return;
      if (act.t === 'state') agent.setState(domain.uid, act.state);
      else if (act.t === 'title') agent.setTitle(domain.uid, `title ${domain.revision}`);
      else agent.remove(domain.uid);
    }
  }
}

describe('a feed', () => {
  it('brings the index to the truth, whatever happens to agents and journals meanwhile', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 60 }), async (actions) => {
        await using world = new FleetWorld();
        const agents = [await world.agent('n1'), await world.agent('n2')];
        for (const each of actions) await perform(agents, each);
        for (const agent of agents) await agent.start();
        await expect.poll(() => indexed(world), { timeout: 10_000, interval: 10 }).toEqual(truth(agents));
      }),
      { numRuns: 25 },
    );
  });

  it('settles at a revision, or says why it cannot', async () => {
    await using world = new FleetWorld();
    const agent = await world.agent('n1');
    const { uid } = agent.define('web');
    await world.settle();
    const feed = world.feeds.get('n1');
    if (!feed) throw new Error('there is a feed');
    const reached = feed.reach(agent.last + 1n, 5_000, world.signal);
    const { revision } = agent.setState(uid, DomainState.RUNNING);
    await reached;
    expect(world.index.get('n1', uid)).toMatchObject({ revision, state: DomainState.RUNNING });
    await expect(feed.reach(revision + 1n, 50, world.signal)).rejects.toMatchObject({
      reason: 'DEADLINE_EXCEEDED',
      metadata: { node: 'n1', revision: String(revision + 1n), reached: String(revision) },
    });
    await expect(feed.reach(revision + 1n, 5_000, AbortSignal.abort())).rejects.toMatchObject({ reason: 'OPERATION_CANCELLED' });
    const waiting = feed.reach(revision + 1n, 5_000, world.signal);
    waiting.catch(() => undefined);
    await agent.stop();
    await expect(waiting).rejects.toMatchObject({ reason: 'NODE_UNREACHABLE' });
  });

  it('keeps the definitions over events that come without them', async () => {
    await using world = new FleetWorld();
    const agent = await world.agent('n1');
    const { uid } = agent.define('web');
    await world.settle();
    for (const state of [DomainState.RUNNING, DomainState.PAUSED, DomainState.SHUTOFF]) agent.setState(uid, state);
    await world.settle();
    expect(indexed(world)).toEqual(truth([agent]));
    expect(world.list().domains[0]?.spec?.title).toBe('web');
    expect(world.list({ full: false }).domains[0]).toMatchObject({ spec: undefined, uid });
  });
});

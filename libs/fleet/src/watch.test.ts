import { setTimeout as delay } from 'node:timers/promises';
import { Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';
import type { DomainEvent } from '@virtmesh/contracts/domain/v1/domain_event';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeAgent } from './testing/fake-agent.ts';
import { FleetWorld } from './testing/fleet-world.ts';
import { decodePlace } from './resume-token.ts';
import type { Watched } from './watch.ts';

const eventsOf = (agent: FakeAgent, after = 0n): string[] =>
  agent.entries.flatMap((entry) => (entry.kind === 'domain' && entry.number > after ? [entry.event.context?.id ?? ''] : []));

/** Reads a watch in the background. */
function reader(watch: AsyncGenerator<Watched<DomainEvent>>): {
  readonly items: Watched<DomainEvent>[];
  readonly ids: string[];
  token: string;
  readonly ended: Promise<unknown>;
} {
  const state = { items: [] as Watched<DomainEvent>[], ids: [] as string[], token: '', ended: Promise.resolve() as Promise<unknown> };
  state.ended = (async () => {
    for await (const item of watch) {
      state.items.push(item);
      state.token = item.token;
      if (item.t === 'event') state.ids.push(item.event.context?.id ?? '');
    }
  })().catch((thrown: unknown) => thrown);
  return state;
}

describe('watching the fleet', () => {
  it('tells what happens from now on, or from a list on', async () => {
    await using world = new FleetWorld();
    const agent = await world.agent('n1');
    const { uid } = agent.define('web');
    await world.settle();
    const list = world.list();
    agent.setState(uid, DomainState.RUNNING);
    await world.settle();
    const now = reader(world.watch());
    const since = reader(world.watch(list.resumeToken));
    await expect.poll(() => since.ids).toEqual(eventsOf(agent, 1n));
    expect(now.items.map(({ t }) => t)).toEqual(['bookmark']);
    agent.setState(uid, DomainState.PAUSED);
    await expect.poll(() => since.ids).toEqual(eventsOf(agent, 1n));
    expect(now.ids).toEqual(eventsOf(agent, 2n));
  });

  it('has no gap and no repeat over any number of resumes, kills of agents and changes', { timeout: 60_000 }, async () => {
    const step = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({ t: fc.constant('change' as const), node: fc.constantFrom(0, 1), count: fc.integer({ min: 1, max: 30 }) }),
      },
      { weight: 2, arbitrary: fc.record({ t: fc.constant('resume' as const) }) },
      { weight: 2, arbitrary: fc.record({ t: fc.constant('restart' as const), node: fc.constantFrom(0, 1) }) },
      { weight: 1, arbitrary: fc.record({ t: fc.constant('far behind' as const), node: fc.constantFrom(0, 1) }) },
      { weight: 3, arbitrary: fc.record({ t: fc.constant('wait' as const), ms: fc.nat(10) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
        await using world = new FleetWorld();
        const agents = [await world.agent('n1'), await world.agent('n2')] as const;
        const uids = agents.map((agent) => agent.define('web').uid);
        await world.settle();
        let token = world.list().resumeToken;
        const seen: string[] = [];
        let stop = new AbortController();
        let watch = reader(world.watch(token, {}, stop.signal));
        const change = (node: 0 | 1, count: number): void => {
          for (let at = 0; at < count; at += 1)
            agents[node].setState(uids[node] ?? '', at % 2 === 0 ? DomainState.RUNNING : DomainState.PAUSED);
        };
        const leave = async (): Promise<void> => {
          stop.abort();
          await watch.ended;
          seen.push(...watch.ids);
          token = watch.token || token;
        };
        for (const each of steps) {
          if (each.t === 'change') change(each.node, each.count);
          else if (each.t === 'wait') await delay(each.ms);
          else if (each.t === 'restart') {
            await agents[each.node].stop();
            await agents[each.node].start();
          } else {
            await leave();
            if (each.t === 'far behind') change(each.node, 600);
            stop = new AbortController();
            watch = reader(world.watch(token, {}, stop.signal));
          }
        }
        const expected = agents.map((agent) => eventsOf(agent, 1n));
        await expect.poll(() => seen.length + watch.ids.length, { timeout: 10_000, interval: 10 }).toBe(expected.flat().length);
        await leave();
        for (const [at, agent] of agents.entries()) expect(seen.filter((id) => id.startsWith(agent.uid))).toEqual(expected[at]);
      }),
      { numRuns: 12 },
    );
  });

  it('has no place for nodes that were taken out of the registry, and takes up one that comes back', async () => {
    await using world = new FleetWorld();
    const [first, second] = [await world.agent('n1'), await world.agent('n2')];
    const { uid } = first.define('web');
    second.define('db');
    await world.settle();
    const watch = reader(world.watch('', { bookmarkMs: 20 }));
    await expect.poll(() => Object.keys(decodePlace('watch', watch.token, 'token')).toSorted()).toEqual(['n1', 'n2']);
    world.registry.tell({ t: 'removed', node: 'n2' });
    await expect.poll(() => Object.keys(decodePlace('watch', watch.token, 'token'))).toEqual(['n1']);
    first.setState(uid, DomainState.RUNNING);
    await expect.poll(() => watch.ids).toEqual(eventsOf(first, 1n));
    expect(Object.keys(decodePlace('watch', watch.token, 'token'))).toEqual(['n1']);
    const resumed = reader(world.watch(watch.token));
    world.register(second);
    await expect.poll(() => resumed.ids).toEqual(eventsOf(second));
    // The watch that went on has told what it had.
    await expect.poll(() => Object.keys(decodePlace('watch', watch.token, 'token')).toSorted()).toEqual(['n1', 'n2']);
    second.define('mail');
    await expect.poll(() => watch.ids).toEqual([...eventsOf(first, 1n), ...eventsOf(second, 1n)]);
  });

  it('lets nodes join that come later, from their beginning', async () => {
    await using world = new FleetWorld();
    const first = await world.agent('n1');
    first.define('web');
    await world.settle();
    const listed = reader(world.watch(world.list().resumeToken));
    const fresh = reader(world.watch());
    await delay(20);
    const second = await world.agent('n2');
    second.define('db');
    await expect.poll(() => listed.ids).toEqual(eventsOf(second));
    await expect.poll(() => fresh.ids).toEqual(eventsOf(second));
    // What is older than the watch is not news to one that asked for what is new.
    const third = new FakeAgent('n3');
    third.define('old');
    await delay(20);
    const late = reader(world.watch());
    await delay(20);
    world.agents.set('n3', await third.start());
    world.register(third);
    third.define('new');
    await expect.poll(() => late.ids).toEqual(eventsOf(third, 1n));
    await expect.poll(() => listed.ids).toEqual([...eventsOf(second), ...eventsOf(third)]);
  });

  it('keeps the place of a node that cannot be reached', async () => {
    await using world = new FleetWorld();
    const agent = await world.agent('n1');
    const { uid } = agent.define('web');
    await world.settle();
    const { resumeToken } = world.list();
    await agent.stop();
    await expect.poll(() => world.fleet.find('n1')?.state.t).toBe('unreachable');
    agent.setState(uid, DomainState.RUNNING);
    const one = reader(world.watch(resumeToken, { bookmarkMs: 20 }));
    await expect.poll(() => one.items.length).toBeGreaterThan(3);
    expect(one.token).toBe(resumeToken);
    await agent.start();
    await expect.poll(() => one.ids).toEqual(eventsOf(agent, 1n));
  });

  it('refuses a token whose position is gone, and tells a gap that comes later', async () => {
    await using world = new FleetWorld();
    const agent = await world.agent('n1');
    const { uid } = agent.define('web');
    await world.settle();
    const { resumeToken } = world.list();
    agent.setState(uid, DomainState.RUNNING);
    agent.setState(uid, DomainState.PAUSED);
    await world.settle();
    agent.trim();
    expect(await reader(world.watch(resumeToken)).ended).toMatchObject({ reason: 'JOURNAL_TRIMMED', metadata: { node: 'n1' } });
    const running = reader(world.watch());
    await delay(20);
    await agent.stop();
    agent.setState(uid, DomainState.RUNNING);
    agent.trim();
    await agent.start();
    await expect.poll(() => running.items.filter(({ t }) => t === 'gap')).toMatchObject([{ t: 'gap', gap: { first: 4n, last: 4n } }]);
    agent.setState(uid, DomainState.SHUTOFF);
    await expect.poll(() => running.ids).toEqual(eventsOf(agent, 4n));
    const before = running.token;
    await agent.stop();
    agent.renew();
    await agent.start();
    await expect.poll(() => running.items.filter(({ t }) => t === 'gap')).toHaveLength(2);
    expect(await reader(world.watch(before)).ended).toMatchObject({ reason: 'JOURNAL_TRIMMED' });
  });

  it('can be of one node, or of one object', async () => {
    await using world = new FleetWorld();
    const n1 = await world.agent('n1');
    const n2 = await world.agent('n2');
    const web = n1.define('web');
    const db = n1.define('db');
    n2.define('web');
    await world.settle();
    const { resumeToken } = world.list();
    const ofNode = reader(world.watch(resumeToken, { node: 'n2' }));
    const ofObject = reader(world.watch(resumeToken, { uid: db.uid }));
    n1.setState(web.uid, DomainState.RUNNING);
    n1.setState(db.uid, DomainState.RUNNING);
    n2.define('more');
    await expect.poll(() => ofNode.ids).toEqual(eventsOf(n2, 1n));
    await expect.poll(() => ofObject.ids).toEqual(eventsOf(n1, 3n));
  });

  it('cuts off a reader that lags, who can resume', async () => {
    await using world = new FleetWorld();
    const agent = await world.agent('n1');
    const { uid } = agent.define('web');
    await world.settle();
    const watch = world.watch();
    const begin = await watch.next();
    if (begin.done) throw new Error('a watch begins with a bookmark');
    await delay(20);
    for (let at = 0; at < 2000; at += 1) agent.setState(uid, DomainState.RUNNING);
    await world.settle();
    let token = begin.value.token;
    const ids: string[] = [];
    const lagged = await (async () => {
      for await (const item of watch) {
        token = item.token;
        if (item.t === 'event') ids.push(item.event.context?.id ?? '');
      }
    })().catch((thrown: unknown) => thrown);
    expect(lagged).toMatchObject({ reason: 'WATCHER_LAGGED' });
    const resumed = reader(world.watch(token));
    await expect.poll(() => [...ids, ...resumed.ids]).toEqual(eventsOf(agent, 1n));
  });

  it('tells with each event the domain as it was then', async () => {
    await using world = new FleetWorld();
    const agent = await world.agent('n1');
    const watch = reader(world.watch());
    await delay(20);
    const { uid } = agent.define('web');
    agent.setState(uid, DomainState.RUNNING);
    await expect.poll(() => watch.ids.length).toBe(2);
    const states = watch.items.flatMap((item) => (item.t === 'event' ? [Domain.fromPartial(item.event.domain ?? {}).status?.state] : []));
    expect(states).toEqual([DomainState.SHUTOFF, DomainState.RUNNING]);
  });
});

import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { describe, expect, it } from 'vitest';
import { decodePlace } from './resume-token.ts';
import { FleetWorld } from './testing/fleet-world.ts';

async function world(): Promise<FleetWorld> {
  const made = new FleetWorld();
  for (const node of ['n1', 'n1-a', 'n2']) {
    const agent = await made.agent(node);
    for (const id of ['web', 'db', 'cache']) agent.define(id, { labels: { role: id, site: node === 'n2' ? 'b' : 'a' } });
  }
  await made.settle();
  return made;
}

const names = (list: { domains: { name: string }[] }): string[] =>
  list.domains.map(({ name }) => name.replaceAll(/nodes\/|domains\//g, ''));

describe('lists of the fleet', () => {
  it('are by name, of all nodes or one, in either view', async () => {
    await using w = await world();
    expect(names(w.list())).toEqual(['n1-a/cache', 'n1-a/db', 'n1-a/web', 'n1/cache', 'n1/db', 'n1/web', 'n2/cache', 'n2/db', 'n2/web']);
    expect(names(w.list({ node: 'n1' }))).toEqual(['n1/cache', 'n1/db', 'n1/web']);
    const [full] = w.list({ node: 'n2' }).domains;
    const [basic] = w.list({ node: 'n2', full: false }).domains;
    expect(full).toEqual({
      ...[...(w.agents.get('n2')?.domains.values() ?? [])].find(({ name }) => name.endsWith('/cache')),
      asOf: w.fleet.find('n2')?.lastContact,
    });
    expect(basic).toEqual({ ...full, spec: undefined });
  });

  it('have the state of each node: when it was true, and whether it can be reached', async () => {
    await using w = await world();
    await w.agents.get('n2')?.stop();
    await expect.poll(() => w.list().unreachable).toEqual(['n2']);
    const list = w.list();
    expect(Object.keys(list.asOf).toSorted()).toEqual(['n1', 'n1-a', 'n2']);
    const lost = list.domains.filter(({ name }) => name.startsWith('nodes/n2/'));
    expect(lost.map(({ status, asOf, spec }) => [status?.state, asOf, spec?.title])).toEqual(
      ['cache', 'db', 'web'].map((id) => [DomainState.UNKNOWN, w.fleet.find('n2')?.lastContact, id]),
    );
    expect(names(w.list({ states: [DomainState.UNKNOWN] }))).toEqual(['n2/cache', 'n2/db', 'n2/web']);
    expect(w.list({ node: 'n1' }).unreachable).toEqual([]);
  });

  it('are filtered by states and labels', async () => {
    await using w = await world();
    const agent = w.agents.get('n1');
    const uid = [...(agent?.domains.keys() ?? [])][0] ?? '';
    agent?.setState(uid, DomainState.RUNNING);
    await w.settle();
    expect(names(w.list({ states: [DomainState.RUNNING] }))).toEqual(['n1/web']);
    expect(names(w.list({ states: [DomainState.RUNNING, DomainState.SHUTOFF], labels: { role: 'web' } }))).toEqual([
      'n1-a/web',
      'n1/web',
      'n2/web',
    ]);
    expect(names(w.list({ labels: { role: 'web', site: 'b' } }))).toEqual(['n2/web']);
    expect(names(w.list({ labels: { constructor: 'x' } }))).toEqual([]);
  });

  it('go on after the page before, whatever comes and goes between, and all pages have the first one’s resume token', async () => {
    await using w = await world();
    const first = w.list({ pageSize: 4 });
    expect(names(first)).toEqual(['n1-a/cache', 'n1-a/db', 'n1-a/web', 'n1/cache']);
    const n1 = w.agents.get('n1');
    n1?.define('aaa');
    n1?.define('eee');
    n1?.remove(first.domains[3]?.uid ?? '');
    await w.settle();
    const second = w.list({ pageSize: 4, pageToken: first.nextPageToken });
    expect(names(second)).toEqual(['n1/db', 'n1/eee', 'n1/web', 'n2/cache']);
    expect(second.resumeToken).toBe(first.resumeToken);
    const third = w.list({ pageSize: 2, pageToken: second.nextPageToken });
    expect(names(third)).toEqual(['n2/db', 'n2/web']);
    expect(third.nextPageToken).toBe('');
    expect(Object.keys(decodePlace('watch', third.resumeToken, 'x')).toSorted()).toEqual(['n1', 'n1-a', 'n2']);
  });

  it('refuse page tokens of other lists', async () => {
    await using w = await world();
    const { nextPageToken } = w.list({ pageSize: 1 });
    const invalid = expect.objectContaining({ reason: 'TOKEN_INVALID' }) as Error;
    for (const other of [{ node: 'n1' }, { full: false }, { states: [1] }, { labels: { a: 'b' } }])
      expect(() => w.list({ ...other, pageToken: nextPageToken })).toThrow(invalid);
    expect(() => w.list({ pageToken: w.list().resumeToken })).toThrow(invalid);
  });
});

import { setTimeout as delay } from 'node:timers/promises';
import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import type { DomainEvent } from '@virtmesh/contracts/domain/v1/domain_event';
import { DomainView, ListDomainsRequest, WatchDomainsRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { idleMachine } from '../support/domain-specs.ts';
import { eventLabel } from '../support/event-label.ts';
import { TestSystem } from '../support/system.ts';
import type { TestClient } from '../support/test-client.ts';

let system: TestSystem;
let revision = 0n;
const ids = ['alpha', 'beta', 'delta', 'epsilon', 'gamma'];

beforeAll(async () => {
  system = await TestSystem.start({ fleet: true });
  const client = await system.client();
  for (const id of ids.toReversed()) {
    const spec = idleMachine({ title: `the ${id}`, labels: { tier: id.length > 4 ? 'long' : 'short', app: 'list' } });
    ({ revision } = await client.create(id, spec, { start: id === 'beta', startPaused: id === 'gamma' }));
  }
  ({ revision } = await client.get('alpha'));
});
afterAll(async () => system[Symbol.asyncDispose]());

/** The next messages of a watch from a token, until `enough`. */
async function watched(
  client: TestClient,
  resumeToken: string,
  enough: (events: readonly DomainEvent[]) => boolean,
  uid = '',
): Promise<{ events: DomainEvent[]; token: string }> {
  const events: DomainEvent[] = [];
  const request = WatchDomainsRequest.fromPartial({ parent: 'nodes/-', resumeToken, uid });
  let token = resumeToken;
  for await (const message of client.connection.domains.watchDomains(request, { timeoutMs: 20_000 })) {
    token = message.resumeToken;
    if (message.item?.$case === 'event') events.push(message.item.value);
    if (enough(events)) break;
  }
  return { events, token };
}

describe.each(['agent', 'fleet'] as const)('lists and watches of the %s', (scope) => {
  let client: TestClient;
  beforeAll(async () => {
    client = await system.client(scope);
  });

  it('pages by name', async () => {
    const pages: string[][] = [];
    let pageToken = '';
    do {
      const page = await client.list({ pageSize: 2, pageToken, minRevision: revision });
      pages.push(page.domains.map((domain) => domain.name.split('/').at(-1) ?? ''));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(pages).toEqual([['alpha', 'beta'], ['delta', 'epsilon'], ['gamma']]);
  });

  it('refuses a page token of another list, and one that nobody made', async () => {
    const { nextPageToken } = await client.list({ pageSize: 2 });
    await expect(client.list({ pageSize: 2, pageToken: nextPageToken, labels: { tier: 'long' } })).rejects.toMatchObject({
      reason: 'TOKEN_INVALID',
    });
    await expect(client.list({ pageToken: 'nonsense' })).rejects.toMatchObject({ reason: 'TOKEN_INVALID' });
    await expect(client.list({ pageSize: -1 })).rejects.toMatchObject({ reason: 'REQUEST_INVALID' });
  });

  it('selects by state and by label', async () => {
    const namesOf = async (over: Parameters<TestClient['list']>[0]): Promise<string[]> =>
      (await client.list({ minRevision: revision, ...over })).domains.map((domain) => domain.name.split('/').at(-1) ?? '');
    expect(await namesOf({ states: [DomainState.RUNNING] })).toEqual(['beta']);
    expect(await namesOf({ states: [DomainState.RUNNING, DomainState.PAUSED] })).toEqual(['beta', 'gamma']);
    expect(await namesOf({ labels: { tier: 'short' } })).toEqual(['beta']);
    expect(await namesOf({ labels: { tier: 'long', app: 'list' }, states: [DomainState.SHUTOFF] })).toEqual(['alpha', 'delta', 'epsilon']);
    expect(await namesOf({ labels: { tier: 'none' } })).toEqual([]);
    expect(await namesOf({ parent: 'nodes/-', minRevision: 0n })).toHaveLength(5);
  });

  it('shows as much as is asked for', async () => {
    const basic = (await client.list({ minRevision: revision })).domains[1];
    expect(basic).toMatchObject({
      title: 'the beta',
      labels: { tier: 'short', app: 'list' },
      hypervisor: 'qemu',
      status: { state: DomainState.RUNNING },
    });
    expect(basic?.spec ?? basic?.activeSpec).toBeUndefined();
    const full = (await client.list({ view: DomainView.FULL, minRevision: revision })).domains[1];
    expect(full).toMatchObject({ spec: { title: 'the beta' }, activeSpec: { title: 'the beta' } });
    expect(await client.get('beta')).toMatchObject({ ...full, asOf: expect.any(Date) as unknown });
    const { spec } = await client.connection.domains.getDomain({ name: client.name('beta'), view: DomainView.BASIC });
    expect(spec).toBeUndefined();
    expect((await client.list()).asOf['n1']).toBeInstanceOf(Date);
  });

  it('waits in a list for the revision that a change answered', async () => {
    const id = `shown-${scope}`;
    const made = await client.create(id, idleMachine());
    const listed = await client.list({ minRevision: made.revision });
    expect(listed.domains.find((domain) => domain.name === made.name)?.revision).toBe(made.revision);
    await client.delete(id);
    const future = client.connection.domains.listDomains(ListDomainsRequest.fromPartial({ parent: 'nodes/n1', minRevision: 1_000_000n }));
    await expect(future).rejects.toMatchObject({ reason: 'REQUEST_INVALID', violations: [{ field: 'min_revision' }] });
  });

  it('watches from a list on, is cut, and goes on without a gap', async () => {
    const id = `watched-${scope}`;
    const { resumeToken } = await client.list({ minRevision: revision });
    const { uid } = await client.create(id, idleMachine());
    const first = await watched(client, resumeToken, (events) => events.length === 1);
    await client.start(id);
    await client.suspend(id);
    // Nobody watches now.
    await delay(50);
    const second = await watched(client, first.token, (events) => events.some((event) => eventLabel(event) === 'suspended paused'));
    await client.remove(id);
    const third = await watched(client, second.token, (events) => events.some((event) => event.gone));
    const all = [...first.events, ...second.events, ...third.events];
    await system.tape.untilStory(uid, 'undefined removed');
    expect(all.filter((event) => event.uid === uid)).toEqual(system.tape.domains(uid));
    expect(all.map((event) => event.context?.number)).toEqual(
      system.tape
        .domains()
        .filter((event) => (event.context?.number ?? 0n) >= (all[0]?.context?.number ?? 0n))
        .slice(0, all.length)
        .map((event) => event.context?.number),
    );
    expect((await watched(client, resumeToken, (events) => events.some((event) => event.gone))).events).toEqual(all);
  });

  it('watches one domain alone', async () => {
    const id = `alone-${scope}`;
    const { resumeToken } = await client.list();
    const { uid } = await client.create(id, idleMachine());
    await client.create(`${id}-other`, idleMachine());
    await client.delete(id);
    await client.delete(`${id}-other`);
    const { events } = await watched(client, resumeToken, (seen) => seen.some((event) => event.gone), uid);
    expect(events.map(eventLabel)).toEqual(['defined added', 'undefined removed']);
  });

  it('gives a watch without a token what happens from now on, and a bookmark at once', async () => {
    const stop = new AbortController();
    const messages = client.connection.domains.watchDomains(WatchDomainsRequest.fromPartial({ parent: 'nodes/n1' }), {
      signal: stop.signal,
    });
    const first = await messages.next();
    expect(first.value).toMatchObject({ item: { $case: 'bookmark' } });
    const id = `now-${scope}`;
    await client.create(id, idleMachine());
    let next = await messages.next();
    while (next.value?.item?.$case === 'bookmark') next = await messages.next();
    expect(next.value).toMatchObject({ item: { $case: 'event', value: { name: client.name(id) } } });
    stop.abort();
    await client.delete(id);
  });

  it('refuses a token that it did not make', async () => {
    await expect(watched(client, 'nonsense', () => true)).rejects.toMatchObject({ reason: 'TOKEN_INVALID' });
  });
});

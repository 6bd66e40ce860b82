import { setTimeout as delay } from 'node:timers/promises';
import { Fault } from '@virtmesh/base';
import { ConfirmJournalRequest, ReadJournalRequest, type ReadJournalResponse } from '@virtmesh/contracts/agent/v1/journal_service';
import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import {
  CreateDomainRequest,
  DeleteDomainRequest,
  DomainView,
  GetDomainCapabilitiesRequest,
  GetDomainRequest,
  GetDomainStatsRequest,
  ListDomainsRequest,
  ListDomainStatsRequest,
  OpenDomainConsoleRequest,
  type OpenDomainConsoleResponse,
  RebootDomainRequest,
  ResumeDomainRequest,
  SetDomainAutostartRequest,
  StartDomainRequest,
  SuspendDomainRequest,
  UpdateDomainRequest,
  WatchDomainsRequest,
  type WatchDomainsResponse,
} from '@virtmesh/contracts/domain/v1/domain_service';
import { GetNodeRequest, ListNodesRequest, WatchNodesRequest } from '@virtmesh/contracts/node/v1/node_service';
import { OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { GetOperationRequest, ListOperationsRequest } from '@virtmesh/contracts/operation/v1/operation_service';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { announce } from '../nodes/announce.ts';
import { mustBeLawful } from '../testing/event-laws.ts';
import { domainIn, TestAgent, type TestAgentOptions } from '../testing/test-agent.ts';
import { type TestClients, TestServer } from '../testing/test-server.ts';
import { Gate, plainSpec, type Verbs, verbsOf } from '../testing/verbs.ts';

let agent: TestAgent;
let server: TestServer;
let verbs: Verbs;
let client: TestClients;
const begin = async (options: TestAgentOptions = {}): Promise<void> => {
  agent = await TestAgent.start(options);
  server = await TestServer.start(agent);
  verbs = verbsOf(agent);
  client = server.full;
};
const end = async (): Promise<void> => {
  await server[Symbol.asyncDispose]();
  await agent[Symbol.asyncDispose]();
};
beforeEach(() => begin());
afterEach(end);

const parent = 'nodes/n1';
const nameOf = (id: string): string => `${parent}/domains/${id}`;
const refusal = (reason: string, field?: string): object =>
  expect.objectContaining({ reason, ...(field === undefined ? {} : { violations: [expect.objectContaining({ field })] }) });
const list = (over: Parameters<typeof ListDomainsRequest.fromPartial>[0] = {}) =>
  client.domains.listDomains(ListDomainsRequest.fromPartial({ parent, ...over }));
const watch = (over: Parameters<typeof WatchDomainsRequest.fromPartial>[0] = {}) =>
  client.domains.watchDomains(WatchDomainsRequest.fromPartial({ parent, ...over }));

/** The next `count` messages of a stream. */
async function take<T>(stream: AsyncIterator<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < count) {
    const next = await stream.next();
    if (next.done) break;
    taken.push(next.value);
  }
  return taken;
}
const eventType = (message: WatchDomainsResponse): string =>
  message.item?.$case === 'event' ? (message.item.value.context?.type.split('.')[3] ?? '') : (message.item?.$case ?? '');

describe('every verb', () => {
  it('is there, and answers an operation that can be read again', async () => {
    const name = nameOf('web');
    const created = await client.domains.createDomain(
      CreateDomainRequest.fromPartial({ parent: 'nodes/-', domainId: 'web', spec: plainSpec() }),
    );
    expect(domainIn(created).name).toBe(name);
    const started = await client.domains.startDomain(
      StartDomainRequest.fromPartial({ name: `${parent}/domains/uid:${domainIn(created).uid}` }),
    );
    expect(await client.operations.getOperation(GetOperationRequest.fromPartial({ name: started.name }))).toEqual(started);
    expect(started).toMatchObject({
      target: name,
      verb: 'start',
      state: OperationState.SUCCEEDED,
      requestor: 'virtmesh://local',
      progressPercent: 100,
    });
    await client.domains.suspendDomain(SuspendDomainRequest.fromPartial({ name }));
    await client.domains.resumeDomain(ResumeDomainRequest.fromPartial({ name }));
    await client.domains.rebootDomain(RebootDomainRequest.fromPartial({ name }));
    await client.domains.updateDomain(UpdateDomainRequest.fromPartial({ name, spec: { title: 'a' }, updateMask: ['title'] }));
    expect(await client.domains.setDomainAutostart(SetDomainAutostartRequest.fromPartial({ name, autostart: true }))).toMatchObject({
      name,
      autostart: true,
    });
    await client.domains.deleteDomain(DeleteDomainRequest.fromPartial({ name, destroy: true }));
    expect(agent.eventNames()).toBe('defined started suspended resumed reboot defined defined stopped undefined');
    const { operations } = await client.operations.listOperations(ListOperationsRequest.fromPartial({ parent, includeDone: true }));
    expect(operations.map(({ verb }) => verb)).toEqual(['delete', 'autostart', 'update', 'reboot', 'resume', 'suspend', 'start', 'create']);
    mustBeLawful(agent.events());
  });

  it('refuses with reason and field over the wire', async () => {
    const { domains } = client;
    await expect(domains.getDomain(GetDomainRequest.fromPartial({ name: 'web' }))).rejects.toEqual(refusal('NAME_INVALID', 'name'));
    await expect(domains.getDomain(GetDomainRequest.fromPartial({ name: nameOf('web') }))).rejects.toEqual(refusal('DOMAIN_NOT_FOUND'));
    await expect(domains.getDomain(GetDomainRequest.fromPartial({ name: 'nodes/n2/domains/web' }))).rejects.toEqual(
      refusal('NODE_NOT_FOUND'),
    );
    await expect(
      domains.createDomain(CreateDomainRequest.fromPartial({ parent, domainId: 'web', spec: { hypervisor: 'x' } })),
    ).rejects.toEqual(refusal('SPEC_INVALID', 'spec.hypervisor'));
    await expect(
      domains.createDomain(
        CreateDomainRequest.fromPartial({ parent, domainId: 'web', spec: plainSpec(), wait: { seconds: -1n, nanos: 0 } }),
      ),
    ).rejects.toEqual(refusal('REQUEST_INVALID', 'wait'));
    await expect(
      domains.createDomain(CreateDomainRequest.fromPartial({ parent, domainId: 'web', spec: plainSpec(), requestId: 'x' })),
    ).rejects.toEqual(refusal('REQUEST_INVALID', 'request_id'));
    await expect(list({ pageSize: -1 })).rejects.toEqual(refusal('REQUEST_INVALID', 'page_size'));
    await expect(list({ pageToken: 'x' })).rejects.toEqual(refusal('TOKEN_INVALID', 'page_token'));
    await expect(list({ parent: 'nodes/N' })).rejects.toEqual(refusal('NAME_INVALID', 'parent'));
    await expect(list({ minRevision: 99n })).rejects.toEqual(refusal('REQUEST_INVALID', 'min_revision'));
    await expect(watch({ resumeToken: 'x' }).next()).rejects.toEqual(refusal('TOKEN_INVALID', 'resume_token'));
    await expect(watch({ uid: 'x' }).next()).rejects.toEqual(refusal('REQUEST_INVALID', 'uid'));
    await expect(watch({ parent: 'nodes/n2' }).next()).rejects.toEqual(refusal('NODE_NOT_FOUND'));
    await expect(domains.getDomainStats(GetDomainStatsRequest.fromPartial({ name: nameOf('web') }))).rejects.toEqual(
      refusal('DOMAIN_NOT_FOUND'),
    );
    await expect(
      domains.listDomainStats(ListDomainStatsRequest.fromPartial({ parent, guestTimeout: { seconds: 31n, nanos: 0 } })),
    ).rejects.toEqual(refusal('REQUEST_INVALID', 'guest_timeout'));
    await expect(client.nodes.getNode(GetNodeRequest.fromPartial({ name: 'nodes/n2' }))).rejects.toEqual(refusal('NODE_NOT_FOUND'));
    await expect(
      client.operations.getOperation(GetOperationRequest.fromPartial({ name: 'nodes/n1/operations/01a20091-0000-7000-8000-000000000000' })),
    ).rejects.toEqual(refusal('OPERATION_NOT_FOUND'));
  });

  it("is a reader's or an operator's as its role says", async () => {
    await verbs.create('web');
    const name = nameOf('web');
    const reads = server.readOnly;
    expect((await reads.domains.getDomain(GetDomainRequest.fromPartial({ name }))).name).toBe(name);
    expect((await reads.domains.listDomains(ListDomainsRequest.fromPartial({ parent }))).domains).toHaveLength(1);
    const denied = refusal('PERMISSION_DENIED');
    await expect(reads.domains.startDomain(StartDomainRequest.fromPartial({ name }))).rejects.toEqual(denied);
    await expect(reads.domains.deleteDomain(DeleteDomainRequest.fromPartial({ name }))).rejects.toEqual(denied);
    await expect(reads.domains.setDomainAutostart(SetDomainAutostartRequest.fromPartial({ name, autostart: true }))).rejects.toEqual(
      denied,
    );
    await expect(reads.journal.confirmJournal(ConfirmJournalRequest.fromPartial({ kind: 'domain' }))).rejects.toEqual(denied);
    const operates = server.operator;
    const started = await operates.domains.startDomain(StartDomainRequest.fromPartial({ name }));
    expect(started.requestor).toBe('virtmesh://user/olga');
    await expect(operates.domains.deleteDomain(DeleteDomainRequest.fromPartial({ name }))).rejects.toMatchObject({
      reason: 'PERMISSION_DENIED',
      metadata: { role: 'operator', required: 'admin' },
    });
    expect(agent.events().at(-1)?.context?.requestor).toBe('virtmesh://user/olga');
  });
});

describe('reading', () => {
  it('answers views, with the time at which they were true', async () => {
    await verbs.create('web', { start: true, spec: plainSpec({ labels: { a: '1' }, title: 'T' }) });
    const full = await client.domains.getDomain(GetDomainRequest.fromPartial({ name: nameOf('web') }));
    expect(full).toMatchObject({ title: 'T', spec: { title: 'T' }, activeSpec: { title: 'T' } });
    expect(Math.abs((full.asOf?.getTime() ?? 0) - Date.now())).toBeLessThan(2_000);
    const basic = await client.domains.getDomain(GetDomainRequest.fromPartial({ name: nameOf('web'), view: DomainView.BASIC }));
    expect(basic).toMatchObject({
      title: 'T',
      labels: { a: '1' },
      hypervisor: 'scripted',
      spec: undefined,
      activeSpec: undefined,
      status: { state: DomainState.RUNNING },
    });
    const { domains, asOf } = await list();
    expect(domains).toEqual([{ ...basic, asOf: undefined }]);
    expect((await list({ view: DomainView.FULL })).domains[0]?.spec).toBeDefined();
    expect(asOf['n1']).toBeInstanceOf(Date);
  });

  it('pages through a list that changes, each domain once and in order', async () => {
    for (const id of ['d', 'b', 'a', 'c', 'e']) await verbs.create(id);
    const first = await list({ pageSize: 2 });
    expect(first.domains.map(({ name }) => name)).toEqual([nameOf('a'), nameOf('b')]);
    await verbs.delete('b');
    await verbs.create('aa');
    await verbs.create('bb');
    const second = await list({ pageSize: 2, pageToken: first.nextPageToken });
    expect(second.domains.map(({ name }) => name)).toEqual([nameOf('bb'), nameOf('c')]);
    await expect(list({ pageToken: first.nextPageToken, states: [DomainState.SHUTOFF] })).rejects.toEqual(
      refusal('TOKEN_INVALID', 'page_token'),
    );
    const last = await list({ pageToken: second.nextPageToken });
    expect([last.domains.map(({ name }) => name), last.nextPageToken]).toEqual([[nameOf('d'), nameOf('e')], '']);
  });

  it('selects by state and label, and waits for no revision that is there', async () => {
    const { revision } = domainIn(await verbs.create('web', { start: true, spec: plainSpec({ labels: { tier: 'front' } }) }));
    await verbs.create('db', { spec: plainSpec({ labels: { tier: 'back' } }) });
    const ids = async (over: Parameters<typeof ListDomainsRequest.fromPartial>[0]): Promise<string[]> =>
      (await list(over)).domains.map(({ name }) => name.split('/').at(-1) ?? '');
    expect(await ids({ states: [DomainState.RUNNING], minRevision: revision })).toEqual(['web']);
    expect(await ids({ states: [DomainState.RUNNING, DomainState.SHUTOFF] })).toEqual(['db', 'web']);
    expect(await ids({ labels: { tier: 'back' } })).toEqual(['db']);
    expect(await ids({ labels: { tier: 'back' }, states: [DomainState.RUNNING] })).toEqual([]);
  });

  it('tells capabilities as the driver has them', async () => {
    const ask = (over: Parameters<typeof GetDomainCapabilitiesRequest.fromPartial>[0]) =>
      client.domains.getDomainCapabilities(GetDomainCapabilitiesRequest.fromPartial({ node: parent, ...over }));
    const capabilities = await ask({ hypervisor: 'scripted' });
    expect(capabilities).toMatchObject({ machine: 'scripted-1.0' });
    expect(capabilities.fields).toContain('memory.size_bytes');
    expect(capabilities.fields).not.toContain('vsock.cid');
    expect(capabilities.features).toContainEqual({ name: 'liveUpdate', available: true, why: '' });
    await expect(ask({ hypervisor: 'absent' })).rejects.toMatchObject({
      reason: 'DRIVER_UNAVAILABLE',
      metadata: { driver: 'absent', why: 'it is not installed; install it' },
    });
    await expect(ask({})).rejects.toEqual(refusal('REQUEST_INVALID', 'hypervisor'));
    await expect(ask({ hypervisor: 'scripted', machine: 'nowhere' })).rejects.toEqual(refusal('HOST_INCOMPATIBLE'));
    await expect(ask({ node: 'nodes/n2' })).rejects.toEqual(refusal('NODE_NOT_FOUND'));
  });

  it('tells of the node, and of what its agent does', async () => {
    await verbs.create('web', { start: true });
    announce(agent.context.store, agent.context.journal, 'n1', await agent.context.view.read());
    const { nodes, resumeToken } = await client.nodes.listNodes(ListNodesRequest.fromPartial({}));
    expect(nodes).toMatchObject([
      {
        name: parent,
        domainCount: 1,
        activeDomainCount: 1,
        journalEpoch: agent.context.journal.epoch,
        drivers: [
          { type: 'scripted', available: true },
          { type: 'absent', available: false },
        ],
      },
    ]);
    const stream = client.nodes.watchNodes(WatchNodesRequest.fromPartial({ resumeToken }));
    await stream.next();
    announce(agent.context.store, agent.context.journal, 'n1', await agent.context.view.read());
    const [event] = await take(stream, 2).then((messages) => messages.filter((message) => message.item?.$case === 'event'));
    expect(event?.item?.value).toMatchObject({ node: { name: parent }, context: { type: 'io.virtmesh.node.agent_started.v1' } });
    await stream.return?.();
  });
});

describe('statistics', () => {
  it('come for all that run, and a guest that does not answer marks itself alone', async () => {
    for (const id of ['a', 'b', 'c']) await verbs.create(id, { start: true });
    await verbs.create('off');
    const hung = agent.registry.find(nameOf('b')).guest.uid;
    const gate = new Gate();
    agent.world.hooks.set('stats', (uid, signal) => (uid === hung ? gate.wait(uid, signal) : undefined));
    const began = performance.now();
    const { stats } = await client.domains.listDomainStats(
      ListDomainStatsRequest.fromPartial({ parent, includeInactive: true, guestTimeout: { seconds: 0n, nanos: 200_000_000 } }),
    );
    expect(performance.now() - began).toBeLessThan(1_500);
    expect(stats.map(({ cpu, error, name, state }) => [name, state, cpu !== undefined, error !== undefined])).toEqual([
      [nameOf('a'), DomainState.RUNNING, true, false],
      [nameOf('b'), DomainState.RUNNING, false, true],
      [nameOf('c'), DomainState.RUNNING, true, false],
      [nameOf('off'), DomainState.SHUTOFF, false, false],
    ]);
    const one = await client.domains.getDomainStats(GetDomainStatsRequest.fromPartial({ name: nameOf('b') }));
    expect(one.error?.message).toContain('deadline');
    const page = await client.domains.listDomainStats(ListDomainStatsRequest.fromPartial({ parent, pageSize: 1 }));
    expect([page.stats.map(({ name }) => name), page.nextPageToken !== '']).toEqual([[nameOf('a')], true]);
  });
});

describe('a watch', () => {
  it('goes on from a list without gap or repeat', async () => {
    await verbs.create('a');
    const { resumeToken } = await list();
    await verbs.create('b');
    const stream = watch({ resumeToken });
    const messages = await take(stream, 2);
    await verbs.start('b');
    messages.push(...(await take(stream, 3)));
    expect(messages.map(eventType)).toEqual(['bookmark', 'defined', 'bookmark', 'state', 'started']);
    await stream.return?.();
    const resumed = watch({ resumeToken: messages[3]?.resumeToken ?? '' });
    expect((await take(resumed, 2)).map(eventType)).toEqual(['bookmark', 'started']);
    await resumed.return?.();
    const fresh = watch();
    await take(fresh, 2);
    await verbs.create('c');
    expect((await take(fresh, 1)).map(eventType)).toEqual(['defined']);
    await fresh.return?.();
  });

  it('from the last page of a list misses nothing that happened between the pages', async () => {
    await verbs.create('a');
    await verbs.create('c');
    const first = await list({ pageSize: 1 });
    // Changed after its page was read, and before the last one was.
    await verbs.start('a');
    const last = await list({ pageSize: 1, pageToken: first.nextPageToken });
    expect([last.nextPageToken, last.resumeToken]).toEqual(['', first.resumeToken]);
    const stream = watch({ resumeToken: last.resumeToken });
    expect((await take(stream, 3)).map(eventType)).toEqual(['bookmark', 'state', 'started']);
    await stream.return?.();
    expect((await list({ pageSize: 1 })).resumeToken).not.toBe(first.resumeToken);
  });

  it('tells of one domain where that is asked', async () => {
    const { uid } = domainIn(await verbs.create('a'));
    await verbs.create('b');
    const stream = watch({ uid: uid.toUpperCase() });
    await take(stream, 2);
    await verbs.start('b');
    await verbs.start('a');
    const events = await take(stream, 2);
    expect(events.map((message) => message.item?.$case === 'event' && message.item.value.uid)).toEqual([uid, uid]);
    await stream.return?.();
  });

  it('from a position that is trimmed, of another store or ahead must list again', async () => {
    await end();
    await begin({ limits: { journalKeepEntries: 1, journalMaxEntries: 10 } });
    const { resumeToken: old } = await list();
    await verbs.create('a');
    for (let round = 0; round < 40; round += 1) await verbs.autostart('a', round % 2 === 0);
    while (agent.context.store.journal.trim() > 0);
    await expect(watch({ resumeToken: old }).next()).rejects.toEqual(refusal('JOURNAL_TRIMMED'));
    const [epoch, last] = [agent.context.journal.epoch, agent.context.journal.last];
    const token = (value: unknown): string => Buffer.from(JSON.stringify(['journal', value])).toString('base64url');
    await expect(watch({ resumeToken: token(['other', last]) }).next()).rejects.toEqual(refusal('JOURNAL_TRIMMED'));
    await expect(watch({ resumeToken: token([epoch, last + 1]) }).next()).rejects.toEqual(refusal('JOURNAL_TRIMMED'));
    await expect(watch({ resumeToken: token([epoch, '1']) }).next()).rejects.toEqual(refusal('JOURNAL_TRIMMED'));
    await expect(watch({ resumeToken: token('nonsense') }).next()).rejects.toEqual(refusal('JOURNAL_TRIMMED'));
    const good = watch({ resumeToken: token([epoch, last]) });
    expect((await take(good, 1)).map(eventType)).toEqual(['bookmark']);
    await good.return?.();
  });

  it('that lags is cut off', { timeout: 60_000 }, async () => {
    const { uid } = domainIn(await verbs.create('a'));
    const stream = watch();
    await take(stream, 2);
    const title = 'x'.repeat(8_000);
    // More than the stream's window and the bound together.
    for (let round = 0; round < 1_500; round += 1) agent.registry.change(uid, { domain: { title: `${title}${round}` } });
    const failed = await (async () => {
      try {
        for (;;) if ((await stream.next()).done) return undefined;
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(failed).toMatchObject({ reason: 'WATCHER_LAGGED' });
  });
});

describe('the journal for services', () => {
  const read = (over: Parameters<typeof ReadJournalRequest.fromPartial>[0]) =>
    client.journal.readJournal(ReadJournalRequest.fromPartial(over));
  const kinds = (messages: readonly ReadJournalResponse[]): string[] => messages.map(({ item, number }) => `${number}:${item?.$case}`);

  it('is read by kind from a position, and followed', async () => {
    await verbs.create('a');
    announce(agent.context.store, agent.context.journal, 'n1', await agent.context.view.read());
    await verbs.create('b');
    expect(kinds(await take(read({}), 10))).toEqual(['1:domain', '2:node', '3:domain']);
    expect(kinds(await take(read({ kind: 'domain', after: 1n, epoch: agent.context.journal.epoch }), 10))).toEqual(['3:domain']);
    const following = read({ kind: 'domain', after: 3n, follow: true });
    await take(following, 1);
    await verbs.create('c');
    expect(kinds(await take(following, 1))).toEqual(['4:domain']);
    await following.return?.();
    await expect(read({ kind: 'network' }).next()).rejects.toEqual(refusal('REQUEST_INVALID', 'kind'));
    await expect(read({ after: 9n }).next()).rejects.toEqual(refusal('REQUEST_INVALID', 'after'));
    await expect(read({ after: -1n }).next()).rejects.toEqual(refusal('REQUEST_INVALID', 'after'));
  });

  it('says what was lost', async () => {
    await end();
    await begin({ limits: { journalKeepEntries: 1, journalMaxEntries: 5 } });
    await verbs.create('a');
    for (let round = 0; round < 20; round += 1) await verbs.autostart('a', round % 2 === 0);
    while (agent.context.store.journal.trim() > 0);
    const [gap, ...rest] = await take(read({ kind: 'domain', after: 3n }), 20);
    expect(gap?.item).toMatchObject({ $case: 'gap', value: { first: 4n, last: 16n } });
    expect(kinds(rest)).toEqual(['17:domain', '18:domain', '19:domain', '20:domain', '21:domain']);
    const other = await take(read({ epoch: 'other', after: 3n }), 3);
    expect(kinds(other)).toEqual(['0:gap', '16:gap', '17:domain']);
  });

  it('takes what was relayed, for its own epoch', async () => {
    await verbs.create('a');
    const { epoch } = agent.context.journal;
    const confirm = (over: Parameters<typeof ConfirmJournalRequest.fromPartial>[0]) =>
      client.journal.confirmJournal(ConfirmJournalRequest.fromPartial(over));
    await confirm({ kind: 'domain', epoch: 'other', number: 1n });
    expect(agent.context.store.journal.confirmed('domain')).toBe(0);
    await confirm({ kind: 'domain', epoch, number: 1n });
    expect(agent.context.store.journal.confirmed('domain')).toBe(1);
    await confirm({ kind: 'domain', epoch, number: 99n });
    expect(agent.context.store.journal.confirmed('domain')).toBe(1);
    await expect(confirm({ kind: '', epoch, number: 1n })).rejects.toEqual(refusal('REQUEST_INVALID', 'kind'));
    await expect(confirm({ kind: 'domain', epoch, number: -1n })).rejects.toEqual(refusal('REQUEST_INVALID', 'number'));
  });
});

describe('a console', () => {
  const spec = plainSpec({ serials: [{ id: 'serial0' }, { id: 'serial1' }] });
  const opening = (over: object = {}) =>
    OpenDomainConsoleRequest.fromPartial({ item: { $case: 'open', value: { name: nameOf('web'), ...over } } });
  const input = (text: string) => OpenDomainConsoleRequest.fromPartial({ item: { $case: 'input', value: Buffer.from(text) } });

  /** A client's side of a console: what it sends when, and what it gets. */
  function session(clients: TestClients, ...first: OpenDomainConsoleRequest[]) {
    const waiting = [...first];
    let wake = Promise.withResolvers<void>();
    let over = false;
    async function* requests(): AsyncGenerator<OpenDomainConsoleRequest> {
      for (;;) {
        yield* waiting.splice(0);
        if (over) return;
        await wake.promise;
        wake = Promise.withResolvers();
      }
    }
    const stream = clients.domains.openDomainConsole(requests());
    return {
      stream,
      send: (request: OpenDomainConsoleRequest) => {
        waiting.push(request);
        wake.resolve();
      },
      end: () => {
        over = true;
        wake.resolve();
      },
    };
  }
  const words = ({ item }: OpenDomainConsoleResponse): string => (item?.$case === 'output' ? item.value.toString() : (item?.$case ?? ''));
  const heard = async (stream: AsyncIterator<OpenDomainConsoleResponse>, count: number): Promise<string[]> =>
    (await take(stream, count)).map(words);

  it('has one writer, followers and a replay', async () => {
    await verbs.create('web', { start: true, spec });
    const writer = session(client, opening());
    expect((await take(writer.stream, 1))[0]?.item).toEqual({
      $case: 'opened',
      value: { name: nameOf('web'), device: 'serial0', writable: true },
    });
    writer.send(input('hello'));
    expect(await heard(writer.stream, 1)).toEqual(['hello']);
    const follower = session(server.readOnly, opening({ readOnly: true, replayBytes: 2n }));
    expect(await heard(follower.stream, 2)).toEqual(['opened', 'lo']);
    writer.send(input(' you'));
    expect(await heard(follower.stream, 1)).toEqual([' you']);
    const other = session(client, opening({ device: 'serial1' }));
    expect(await heard(other.stream, 1)).toEqual(['opened']);
    await expect(session(client, opening()).stream.next()).rejects.toMatchObject({
      reason: 'CONSOLE_IN_USE',
      metadata: { holder: 'virtmesh://local' },
    });
    const replayed = session(client, opening({ noFollow: true, replayBytes: -1n }));
    expect(await heard(replayed.stream, 5)).toEqual(['opened', 'hello you']);
    for (const each of [writer, follower, other]) await each.stream.return?.();
  });

  it('can be taken over, and the one that was there is told by whom', async () => {
    await verbs.create('web', { start: true, spec });
    const first = session(client, opening());
    await first.stream.next();
    agent.world.hooks.set('console-close', () => delay(50));
    const second = session(server.operator, opening({ force: true }));
    expect(await heard(second.stream, 1)).toEqual(['opened']);
    await expect(first.stream.next()).rejects.toMatchObject({ reason: 'CONSOLE_IN_USE', metadata: { holder: 'virtmesh://user/olga' } });
    second.send(input('mine'));
    expect(await heard(second.stream, 1)).toEqual(['mine']);
    second.end();
    await delay(50);
    await expect(session(client, opening()).stream.next()).rejects.toEqual(refusal('CONSOLE_IN_USE'));
    await second.stream.return?.();
    await delay(100);
    const third = session(client, opening());
    expect(await heard(third.stream, 1)).toEqual(['opened']);
    await third.stream.return?.();
  });

  it('of a guest that was started anew is free', async () => {
    await verbs.create('web', { start: true, spec });
    const before = session(client, opening());
    expect(await heard(before.stream, 1)).toEqual(['opened']);
    await verbs.destroy('web');
    await verbs.start('web');
    const after = session(server.operator, opening());
    expect(await heard(after.stream, 1)).toEqual(['opened']);
    for (const each of [before, after]) await each.stream.return?.();
  });

  it('refuses what is not right', async () => {
    await verbs.create('web', { spec });
    await verbs.create('mute', { start: true });
    const failure = async (...requests: OpenDomainConsoleRequest[]): Promise<unknown> => {
      const { stream } = session(client, ...requests);
      try {
        for (;;) if ((await stream.next()).done) return undefined;
      } catch (thrown) {
        return thrown;
      }
    };
    expect(await failure(input('x'))).toEqual(refusal('REQUEST_INVALID', 'open'));
    expect(await failure(opening())).toEqual(refusal('STATE_INVALID'));
    expect(await failure(opening({ name: nameOf('nobody') }))).toEqual(refusal('DOMAIN_NOT_FOUND'));
    expect(await failure(opening({ name: 'x' }))).toEqual(refusal('NAME_INVALID', 'open.name'));
    expect(await failure(opening({ name: nameOf('mute') }))).toEqual(refusal('DEVICE_NOT_FOUND'));
    await verbs.start('web');
    expect(await failure(opening({ device: 'serial9' }))).toMatchObject({
      reason: 'DEVICE_NOT_FOUND',
      message: `${nameOf('web')} has no such console: open.device: "serial9" is not the id of one; it has serial0, serial1`,
      metadata: { name: nameOf('web'), device: 'serial9', devices: 'serial0, serial1' },
      violations: [{ field: 'open.device', description: '"serial9" is not the id of one; it has serial0, serial1' }],
    });
    expect(await failure(opening({ name: nameOf('mute'), device: 'x' }))).toMatchObject({
      violations: [{ field: 'open.device', description: '"x" is not the id of one; it has none: define a serial port or console' }],
    });
    expect(await failure(opening({ replayBytes: -2n }))).toEqual(refusal('REQUEST_INVALID', 'open.replay_bytes'));
    expect(await failure(opening(), opening())).toEqual(refusal('REQUEST_INVALID', 'open'));
    expect(await failure(opening(), input('x'.repeat(65_537)))).toEqual(refusal('REQUEST_INVALID', 'input'));
    expect(await failure(opening({ readOnly: true }), input('x'))).toEqual(refusal('REQUEST_INVALID', 'input'));
    agent.world.hooks.set('console-input', () => Promise.reject(new Fault('HYPERVISOR_UNRESPONSIVE', 'no answer')));
    expect(await failure(opening())).toEqual(refusal('HYPERVISOR_UNRESPONSIVE'));
    const reader = session(server.readOnly, opening());
    await expect(reader.stream.next()).rejects.toMatchObject({ reason: 'PERMISSION_DENIED', metadata: { required: 'operator' } });
  });
});

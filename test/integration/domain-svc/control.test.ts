import { setTimeout as delay } from 'node:timers/promises';
import { DomainState, DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import {
  CreateDomainRequest,
  DeleteDomainRequest,
  DestroyDomainRequest,
  DomainView,
  ListDomainsRequest,
  ListDomainStatsRequest,
  OpenDomainConsoleRequest,
  RebootDomainRequest,
  ResumeDomainRequest,
  SetDomainAutostartRequest,
  ShutdownDomainRequest,
  StartDomainRequest,
  SuspendDomainRequest,
  UpdateDomainRequest,
} from '@virtmesh/contracts/domain/v1/domain_service';
import { NodeCondition } from '@virtmesh/contracts/node/v1/node';
import { NodeEventKind } from '@virtmesh/contracts/node/v1/node_event';
import { durationFromMs } from '@virtmesh/kit';
import { connect } from 'nats';
import { describe, expect, it } from 'vitest';
import { ControlWorld, listAll, type Replica } from './world.ts';

const start = (name: string): StartDomainRequest => StartDomainRequest.fromPartial({ name });
const names = (list: { domains: readonly { name: string }[] }): string[] => list.domains.map(({ name }) => name);
const servingOf = async (replica: Replica, service: string): Promise<boolean> => (await replica.health.check({ service })).status === 1;

describe('domain-svc', () => {
  it('hands calls to the agents of their domains, and lists them all', async () => {
    await using world = await ControlWorld.start();
    const n1 = await world.agent('n1');
    const n2 = await world.agent('n2');
    const web = n1.define('web');
    n2.define('db');
    const svc = await world.replica('a');
    expect(names(await listAll(svc))).toEqual(['nodes/n1/domains/web', 'nodes/n2/domains/db']);
    expect((await svc.domains.getDomain({ name: `nodes/-/domains/uid:${web.uid}`, view: DomainView.FULL })).spec?.title).toBe('web');
    const operation = await svc.domains.startDomain(start('nodes/-/domains/db'));
    expect(operation).toMatchObject({ target: 'nodes/n2/domains/db', verb: 'start', requestor: 'virtmesh://local' });
    const name = 'nodes/n1/domains/web';
    const verbs = [
      svc.domains.shutdownDomain(ShutdownDomainRequest.fromPartial({ name })),
      svc.domains.destroyDomain(DestroyDomainRequest.fromPartial({ name })),
      svc.domains.rebootDomain(RebootDomainRequest.fromPartial({ name })),
      svc.domains.suspendDomain(SuspendDomainRequest.fromPartial({ name })),
      svc.domains.resumeDomain(ResumeDomainRequest.fromPartial({ name })),
      svc.domains.updateDomain(UpdateDomainRequest.fromPartial({ name })),
      svc.domains.deleteDomain(DeleteDomainRequest.fromPartial({ name })),
    ];
    expect((await Promise.all(verbs)).map(({ target, verb }) => `${verb} ${target}`)).toEqual(
      ['shutdown', 'destroy', 'reboot', 'suspend', 'resume', 'update', 'delete'].map((verb) => `${verb} ${name}`),
    );
    expect((await svc.domains.setDomainAutostart(SetDomainAutostartRequest.fromPartial({ name }))).uid).toBe(web.uid);
    expect((await svc.domains.getDomainStats({ name: 'nodes/-/domains/web' })).uid).toBe(web.uid);
    expect(await svc.operations.getOperation({ name: operation.name })).toEqual(operation);
    expect((await svc.operations.getOperation({ name: operation.name.replace('n2', '-') })).name).toBe(operation.name);
    await expect(svc.domains.createDomain(CreateDomainRequest.fromPartial({ parent: 'nodes/-', domainId: 'x' }))).rejects.toMatchObject({
      reason: 'NAME_AMBIGUOUS',
      metadata: { candidates: 'nodes/n1,nodes/n2' },
    });
    const created = await svc.domains.createDomain(CreateDomainRequest.fromPartial({ parent: 'nodes/n2', domainId: 'new' }));
    expect(created.target).toBe('nodes/n2/domains/new');
    expect(names(await listAll(svc, { parent: 'nodes/n2', minRevision: n2.last }))).toEqual([
      'nodes/n2/domains/db',
      'nodes/n2/domains/new',
    ]);
    await expect(svc.domains.getDomainCapabilities({ node: 'nodes/n1', hypervisor: '', arch: '', machine: '' })).rejects.toMatchObject({
      reason: 'DRIVER_UNAVAILABLE',
      metadata: { driver: 'none' },
    });
    await expect(svc.domains.startDomain(start('nodes/n9/domains/web'))).rejects.toMatchObject({ reason: 'NODE_NOT_FOUND' });
    await expect(svc.domains.startDomain(start(''))).rejects.toMatchObject({ reason: 'NAME_INVALID' });
    await expect(svc.domains.listDomains(ListDomainsRequest.fromPartial({ parent: 'nodes/-', minRevision: 1n }))).rejects.toMatchObject({
      reason: 'REQUEST_INVALID',
    });
    await expect(
      svc.domains.listDomains(ListDomainsRequest.fromPartial({ parent: 'nodes/n1', minRevision: n1.last + 1n })),
    ).rejects.toMatchObject({ reason: 'REQUEST_INVALID', violations: [{ field: 'min_revision' }] });
    await expect(svc.domains.watchDomains({ parent: 'nodes/-', resumeToken: '', uid: 'web' }).next()).rejects.toMatchObject({
      reason: 'REQUEST_INVALID',
      violations: [{ field: 'uid' }],
    });
    await expect(svc.domains.listDomains(ListDomainsRequest.fromPartial({ parent: 'nodes/-', pageSize: -1 }))).rejects.toMatchObject({
      reason: 'REQUEST_INVALID',
    });
    await expect(svc.readOnly.startDomain(start('nodes/n1/domains/web'))).rejects.toMatchObject({ reason: 'PERMISSION_DENIED' });
    expect(names(await svc.readOnly.listDomains(ListDomainsRequest.fromPartial({ parent: 'nodes/n1' })))).toEqual(['nodes/n1/domains/web']);
  });

  it('takes the only node for a new domain', async () => {
    await using world = await ControlWorld.start();
    const svc = await world.replica('a');
    await expect(svc.domains.createDomain(CreateDomainRequest.fromPartial({ parent: 'nodes/-', domainId: 'x' }))).rejects.toMatchObject({
      reason: 'NODE_NOT_FOUND',
    });
    await world.agent('n1');
    await expect.poll(async () => (await svc.nodes.listNodes({ pageSize: 0, pageToken: '' })).nodes.length).toBe(1);
    const created = await svc.domains.createDomain(CreateDomainRequest.fromPartial({ parent: 'nodes/-', domainId: 'x' }));
    expect(created.target).toBe('nodes/n1/domains/x');
    expect(world.agents[0]?.calls.at(-1)).toMatchObject({ method: 'create', request: { parent: 'nodes/n1' } });
  });

  it('joins the console of a client to the one of the agent', async () => {
    await using world = await ControlWorld.start();
    const agent = await world.agent('n1');
    agent.define('web');
    const svc = await world.replica('a');
    async function* input(): AsyncGenerator<OpenDomainConsoleRequest> {
      yield OpenDomainConsoleRequest.fromPartial({ item: { $case: 'open', value: { name: 'nodes/-/domains/web' } } });
      for (const line of ['one', 'two']) yield { item: { $case: 'input', value: Buffer.from(line) } };
    }
    await listAll(svc);
    const output: unknown[] = [];
    for await (const { item } of svc.domains.openDomainConsole(input()))
      output.push(item?.$case === 'output' ? item.value.toString() : item?.value);
    expect(output).toEqual([{ name: 'nodes/n1/domains/web', device: 'serial0', writable: true }, 'ONE', 'TWO']);
    const wrong = svc.domains.openDomainConsole(
      (async function* () {
        yield { item: { $case: 'input' as const, value: Buffer.from('x') } };
      })(),
    );
    await expect(wrong.next()).rejects.toMatchObject({ reason: 'REQUEST_INVALID' });
  });

  it('gathers statistics and operations of all nodes, page by page, and does not wait for one that is silent', async () => {
    await using world = await ControlWorld.start();
    const agents = [await world.agent('n1'), await world.agent('n2'), await world.agent('n3')];
    for (const agent of agents)
      for (let at = 0; at < 7; at += 1) agent.define(`d${at}`, { status: { state: DomainState.RUNNING } as never });
    const svc = await world.replica('a');
    const all = (await listAll(svc)).domains.map(({ name }) => name);
    expect(all).toHaveLength(21);
    for (const pageSize of [1, 2, 5, 7, 10, 100]) {
      const seen: string[] = [];
      for (let pageToken = '', first = true; first || pageToken !== ''; first = false) {
        const page = await svc.domains.listDomainStats(ListDomainStatsRequest.fromPartial({ parent: 'nodes/-', pageSize, pageToken }));
        expect(page.stats.length).toBeLessThanOrEqual(pageSize);
        seen.push(...page.stats.map(({ name }) => name));
        pageToken = page.nextPageToken;
      }
      expect(seen).toEqual(all);
    }
    for (const name of all) {
      await svc.domains.startDomain(start(name));
      await delay(2);
    }
    for (const pageSize of [1, 4, 100]) {
      const seen: string[] = [];
      for (let pageToken = '', first = true; first || pageToken !== ''; first = false) {
        const page = await svc.operations.listOperations({ parent: 'nodes/-', pageSize, pageToken, target: '', includeDone: true });
        seen.push(...page.operations.map(({ target }) => target));
        pageToken = page.nextPageToken;
      }
      expect(seen).toEqual(all.toReversed());
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    if (agents[1]) agents[1].hold = promise;
    const begun = performance.now();
    const partial = await svc.domains.listDomainStats(
      ListDomainStatsRequest.fromPartial({ parent: 'nodes/-', pageSize: 100, guestTimeout: durationFromMs(100) }),
      { timeoutMs: 10_000 },
    );
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect(partial.unreachable).toEqual(['n2']);
    expect(partial.stats).toHaveLength(14);
    resolve();
  });

  it('shows nodes that are lost as they were last known, and tells watchers of the loss', async () => {
    await using world = await ControlWorld.start();
    const agent = await world.agent('n1');
    agent.define('web');
    const svc = await world.replica('a');
    await listAll(svc);
    const before = await svc.nodes.listNodes({ pageSize: 0, pageToken: '' });
    expect(before.nodes).toMatchObject([{ name: 'nodes/n1', condition: NodeCondition.READY, domainCount: 1 }]);
    const stop = new AbortController();
    const told: unknown[] = [];
    let token = '';
    const watching = (async () => {
      for await (const { item, resumeToken } of svc.nodes.watchNodes({ resumeToken: before.resumeToken }, { signal: stop.signal })) {
        token = resumeToken;
        if (item?.$case === 'event') told.push(item.value.kind);
      }
    })().catch(() => undefined);
    await delay(100);
    agent.nodeEvent();
    await expect.poll(() => told).toEqual([NodeEventKind.DRIVERS_CHANGED]);
    await agent.stop();
    await expect.poll(() => told).toEqual([NodeEventKind.DRIVERS_CHANGED, NodeEventKind.UNREACHABLE]);
    const lost = await svc.nodes.getNode({ name: 'nodes/n1' });
    expect(lost).toMatchObject({ uid: agent.uid, condition: NodeCondition.UNREACHABLE, domainCount: 1 });
    await expect(svc.domains.startDomain(start('nodes/n1/domains/web'))).rejects.toMatchObject({
      reason: 'NODE_UNREACHABLE',
      metadata: { node: 'n1', last_contact: lost.lastContact?.toISOString() },
    });
    stop.abort();
    await watching;
    await agent.start();
    const { value } = await (async () => {
      for await (const response of svc.nodes.watchNodes({ resumeToken: token }))
        if (response.item?.$case === 'event') return { value: response.item.value };
      return { value: undefined };
    })();
    expect(value).toMatchObject({ kind: NodeEventKind.REACHABLE, node: { name: 'nodes/n1', condition: NodeCondition.READY } });
  });

  it('gives all pages of a list of nodes the place of its first', async () => {
    await using world = await ControlWorld.start();
    const agents = [await world.agent('n1'), await world.agent('n2')];
    const svc = await world.replica('a');
    await listAll(svc);
    const first = await svc.nodes.listNodes({ pageSize: 1, pageToken: '' });
    // Changed between the pages.
    agents[0]?.nodeEvent();
    await expect.poll(async () => (await svc.nodes.listNodes({ pageSize: 1, pageToken: '' })).resumeToken).not.toBe(first.resumeToken);
    const second = await svc.nodes.listNodes({ pageSize: 1, pageToken: first.nextPageToken });
    expect([first, second].flatMap(({ nodes }) => nodes.map(({ name }) => name))).toEqual(['nodes/n1', 'nodes/n2']);
    expect([second.nextPageToken, second.resumeToken]).toEqual(['', first.resumeToken]);
    const kinds: unknown[] = [];
    for await (const { item } of svc.nodes.watchNodes({ resumeToken: second.resumeToken })) {
      if (item?.$case !== 'event') continue;
      kinds.push([item.value.node?.name, item.value.kind]);
      break;
    }
    expect(kinds).toEqual([['nodes/n1', NodeEventKind.DRIVERS_CHANGED]]);
  });

  it('knows after a restart what it last knew of nodes that do not answer', async () => {
    await using world = await ControlWorld.start();
    const n1 = await world.agent('n1');
    const n2 = await world.agent('n2');
    const web = n1.define('web', { title: 'the web', labels: { a: 'b' } });
    n1.define('gone soon');
    n2.define('db');
    const svc = await world.replica('a');
    await expect.poll(async () => names(await listAll(svc))).toHaveLength(3);
    n1.remove([...n1.domains.keys()][1] ?? '');
    n1.setState(web.uid, DomainState.RUNNING);
    await expect.poll(async () => names(await listAll(svc))).toHaveLength(2);
    await world.stream(5);
    await delay(300);
    await svc.process.kill();
    await n1.stop();
    n1.setState(web.uid, DomainState.SHUTOFF);
    await svc.process.start();
    const list = await expect
      .poll(async () => listAll(svc, { view: DomainView.FULL }), { timeout: 10_000 })
      .toMatchObject({ unreachable: ['n1'], domains: [{ name: 'nodes/n1/domains/web' }, { name: 'nodes/n2/domains/db' }] })
      .then(() => listAll(svc, { view: DomainView.FULL }));
    expect(list.domains[0]).toMatchObject({
      uid: web.uid,
      title: 'the web',
      labels: { a: 'b' },
      spec: { title: 'web' },
      status: { state: DomainState.UNKNOWN, reason: DomainStateReason.NODE_UNREACHABLE },
    });
    expect(list.domains[0]?.asOf?.getTime()).toBeGreaterThan(Date.now() - 120_000);
    expect(await svc.nodes.getNode({ name: 'nodes/n1' })).toMatchObject({
      uid: n1.uid,
      hostname: 'n1',
      condition: NodeCondition.UNREACHABLE,
    });
    await n1.start();
    await expect.poll(async () => (await listAll(svc)).domains[0]?.status?.state, { timeout: 10_000 }).toBe(DomainState.SHUTOFF);
    expect((await listAll(svc)).unreachable).toEqual([]);
    expect((await world.stream(6)).map(({ event }) => event.id).toSorted()).toEqual(
      [...n1.entries, ...n2.entries].map((entry) => entry.event.context?.id ?? '').toSorted(),
    );
  });

  it('goes on without NATS, and relays later what happened meanwhile', async () => {
    await using world = await ControlWorld.start();
    const agent = await world.agent('n1');
    const { uid } = agent.define('web');
    const svc = await world.replica('a');
    await listAll(svc);
    await world.stream(1);
    expect(await servingOf(svc, 'nats')).toBe(true);
    await world.nats.kill();
    await expect.poll(() => servingOf(svc, 'nats')).toBe(false);
    expect(await servingOf(svc, '')).toBe(true);
    const watch = svc.domains.watchDomains({ parent: 'nodes/-', resumeToken: '', uid: '' });
    await watch.next();
    agent.setState(uid, DomainState.RUNNING);
    expect((await watch.next()).value).toMatchObject({ item: { $case: 'event', value: { uid } } });
    await watch.return?.();
    expect((await listAll(svc)).domains[0]?.status?.state).toBe(DomainState.RUNNING);
    expect((await svc.domains.startDomain(start('nodes/n1/domains/web'))).verb).toBe('start');
    await world.nats.restart();
    expect((await world.stream(2)).map(({ event }) => event.id)).toEqual(agent.entries.map((entry) => entry.event.context?.id));
    await expect.poll(() => servingOf(svc, 'nats')).toBe(true);
  });

  it('starts without NATS, says so, and finds the nodes when it comes', async () => {
    await using world = await ControlWorld.start({ nats: false });
    const svc = await world.replica('a');
    expect(await servingOf(svc, 'nats')).toBe(false);
    expect((await listAll(svc)).domains).toEqual([]);
    await expect(svc.domains.startDomain(start('nodes/n1/domains/web'))).rejects.toMatchObject({
      reason: 'NODE_UNREACHABLE',
      metadata: { node: 'n1', last_contact: 'never' },
    });
    await world.nats.restart();
    const agent = await world.agent('n1');
    agent.define('web');
    await expect.poll(async () => names(await listAll(svc)), { timeout: 15_000 }).toEqual(['nodes/n1/domains/web']);
  });

  it('forgets a node that is taken out of the registry', async () => {
    await using world = await ControlWorld.start();
    for (const node of ['n1', 'n2']) (await world.agent(node)).define('web');
    const svc = await world.replica('a');
    expect(names(await listAll(svc))).toEqual(['nodes/n1/domains/web', 'nodes/n2/domains/web']);
    const connection = await connect({ servers: world.nats.url });
    await (await connection.jetstream().views.kv('virtmesh_nodes')).delete('n1');
    await connection.close();
    await expect.poll(async () => names(await listAll(svc))).toEqual(['nodes/n2/domains/web']);
    expect((await svc.nodes.listNodes({ pageSize: 0, pageToken: '' })).nodes.map(({ name }) => name)).toEqual(['nodes/n2']);
    await expect(svc.domains.startDomain(start('nodes/n1/domains/web'))).rejects.toMatchObject({ reason: 'NODE_NOT_FOUND' });
    await delay(300);
    await svc.process.kill();
    await svc.process.start();
    expect(names(await listAll(svc))).toEqual(['nodes/n2/domains/web']);
  });

  it('ends with its streams when it is asked to, and tells its clients', async () => {
    await using world = await ControlWorld.start();
    await world.agent('n1');
    const svc = await world.replica('a');
    const watch = svc.domains.watchDomains({ parent: 'nodes/-', resumeToken: '', uid: '' });
    await watch.next();
    const next = watch.next();
    next.catch(() => undefined);
    await svc.process.kill('SIGTERM');
    await expect(next).rejects.toMatchObject({ reason: 'SHUTTING_DOWN' });
  });
});

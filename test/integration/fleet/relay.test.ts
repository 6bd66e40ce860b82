import { setTimeout as delay } from 'node:timers/promises';
import { credentials } from '@grpc/grpc-js';
import { systemClock } from '@virtmesh/base';
import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { EventBus, type EventKind, type EventLog, EventPublisher, type ReceivedEvent, subscribeEvents } from '@virtmesh/events';
import { AgentLink, Relay, type RelayObserver } from '@virtmesh/fleet';
import { FakeAgent } from '@virtmesh/fleet/testing';
import { silentLogger } from '@virtmesh/kit';
import { describe, expect, it } from 'vitest';
import { NatsServer } from '../../support/nats.ts';

const log: EventLog = { info: () => undefined, warn: () => undefined };

/** A relay of one node's domains with a connection of its own to NATS and to the agent. */
function relay(
  server: NatsServer,
  agent: FakeAgent,
  options: { kind?: EventKind; observer?: RelayObserver; duplicateWindowMs?: number } = {},
): AsyncDisposable {
  const bus = EventBus.open({ servers: [server.url], name: 'relay', log });
  const publisher = new EventPublisher({ bus, log, limits: { duplicateWindowMs: options.duplicateWindowMs ?? 120_000 } });
  const link = new AgentLink({
    node: agent.node,
    addresses: [agent.address],
    credentials: () => credentials.createInsecure(),
    log: silentLogger(),
    clock: systemClock,
    retryMs: 20,
    maxRetryMs: 100,
  });
  const stop = new AbortController();
  const made = new Relay({
    link,
    kind: options.kind ?? 'domain',
    publisher,
    log: silentLogger(),
    clock: systemClock,
    retryMs: 20,
    confirmMs: 100,
    ...(options.observer ? { observer: options.observer } : {}),
  });
  const running = Promise.all([link.run(stop.signal), made.run(stop.signal)]);
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
      await bus.close();
    },
  };
}

const journalOf = (agent: FakeAgent, kind: EventKind = 'domain'): string[] =>
  agent.entries.flatMap((entry) => (entry.kind === kind ? [entry.event.context?.id ?? ''] : []));

/** The stream's events, read until there are as many as wanted and then for a moment longer, in case there are too many. */
async function streamOf(server: NatsServer, wanted: number, node?: string): Promise<ReceivedEvent[]> {
  await using bus = EventBus.open({ servers: [server.url], name: 'reader', log });
  const all: ReceivedEvent[] = [];
  const stop = new AbortController();
  const late = setTimeout(() => stop.abort(), 50_000);
  for await (const event of subscribeEvents({ bus, log, from: { t: 'all' }, ...(node ? { node } : {}) }, stop.signal)) {
    all.push(event);
    if (all.length === wanted) setTimeout(() => stop.abort(), 300);
  }
  clearTimeout(late);
  return all;
}

const ids = (events: readonly ReceivedEvent[]): string[] => events.map(({ event }) => event.id);

function changes(agent: FakeAgent, uid: string, count: number): void {
  for (let at = 0; at < count; at += 1) agent.setState(uid, at % 2 === 0 ? DomainState.RUNNING : DomainState.PAUSED);
}

describe('a relay', () => {
  it('publishes each entry of its kind once and in order, what was there and what comes, and confirms it to the agent', async () => {
    await using server = await NatsServer.start();
    await using agent = await new FakeAgent('n1').start();
    const { uid } = agent.define('web');
    changes(agent, uid, 1000);
    agent.nodeEvent();
    await using _domains = relay(server, agent);
    await using _nodes = relay(server, agent, { kind: 'node' });
    expect(ids(await streamOf(server, 1002)).toSorted()).toEqual([...journalOf(agent), ...journalOf(agent, 'node')].toSorted());
    changes(agent, uid, 3);
    const stream = await streamOf(server, 1005);
    expect(ids(stream.filter(({ kind }) => kind === 'domain'))).toEqual(journalOf(agent));
    expect(ids(stream.filter(({ kind }) => kind === 'node'))).toEqual(journalOf(agent, 'node'));
    await expect
      .poll(() => agent.confirmed.findLast(({ kind }) => kind === 'domain'))
      .toMatchObject({ epoch: agent.epoch, number: agent.last });
    await expect.poll(() => agent.confirmed.findLast(({ kind }) => kind === 'node')).toMatchObject({ epoch: agent.epoch });
  });

  it('hands on a single event at once', async () => {
    await using server = await NatsServer.start();
    await using agent = await new FakeAgent('n1').start();
    const { uid } = agent.define('web');
    await using _relay = relay(server, agent);
    await using bus = EventBus.open({ servers: [server.url], name: 'reader', log });
    const delaysMs: number[] = [];
    let sentAt = 0;
    for await (const _event of subscribeEvents({ bus, log, from: { t: 'all' } }, AbortSignal.timeout(30_000))) {
      if (sentAt > 0) delaysMs.push(performance.now() - sentAt);
      if (delaysMs.length >= 50) break;
      await delay(5);
      sentAt = performance.now();
      agent.setState(uid, DomainState.RUNNING);
    }
    expect(delaysMs.toSorted((a, b) => a - b)[25]).toBeLessThan(25);
  });

  it('takes turns with another one without a double or a hole', async () => {
    await using server = await NatsServer.start();
    await using agent = await new FakeAgent('n1').start();
    const { uid } = agent.define('web');
    const anew: string[] = [];
    const observer: RelayObserver = { published: () => undefined, beganAnew: (_node, _kind, why) => void anew.push(why) };
    // Without the server's own guard against doubles.
    await using _first = relay(server, agent, { observer, duplicateWindowMs: 100 });
    await using _second = relay(server, agent, { observer, duplicateWindowMs: 100 });
    await using _third = relay(server, agent, { observer, duplicateWindowMs: 100 });
    for (let round = 0; round < 60; round += 1) {
      changes(agent, uid, 1 + (round % 40));
      await delay(round % 7);
    }
    expect(ids(await streamOf(server, journalOf(agent).length))).toEqual(journalOf(agent));
  });

  it('publishes a gap for what was trimmed before it was relayed, and for a new store', async () => {
    await using server = await NatsServer.start();
    await using agent = await new FakeAgent('n1').start();
    const { uid } = agent.define('web');
    {
      await using _relay = relay(server, agent);
      expect(ids(await streamOf(server, 1))).toEqual(journalOf(agent));
    }
    changes(agent, uid, 5);
    agent.trim(4n);
    await using _relay = relay(server, agent);
    const trimmed = (await streamOf(server, 4)).map(({ event, body }) => [
      event.id,
      event.type,
      body.$case === 'gap' ? body.value : undefined,
    ]);
    expect(trimmed.slice(1)).toEqual([
      [`${agent.uid}/${agent.epoch}/4`, 'io.virtmesh.domain.gap.v1', { first: 2n, last: 4n, reason: 'trimmed' }],
      [`${agent.uid}/${agent.epoch}/5`, 'io.virtmesh.domain.state.v1', undefined],
      [`${agent.uid}/${agent.epoch}/6`, 'io.virtmesh.domain.state.v1', undefined],
    ]);
    await agent.stop();
    agent.renew();
    await agent.start();
    const renewed = await streamOf(server, 6);
    expect(renewed.slice(4).map(({ event, body }) => [event.id, body.$case])).toEqual([
      [`${agent.uid}/${agent.epoch}/0`, 'gap'],
      [`${agent.uid}/${agent.epoch}/1`, 'domain'],
    ]);
  });

  it('tells of a new epoch for each kind', async () => {
    await using server = await NatsServer.start();
    await using agent = await new FakeAgent('n1').start();
    agent.define('web');
    agent.nodeEvent();
    await using _domains = relay(server, agent);
    await using _nodes = relay(server, agent, { kind: 'node' });
    await streamOf(server, 2);
    await agent.stop();
    agent.renew();
    agent.nodeEvent();
    await agent.start();
    const renewed = (await streamOf(server, 6)).slice(2);
    const told = (['domain', 'node'] as const).map((of) => renewed.filter(({ kind }) => kind === of).map(({ body }) => body.$case));
    expect(told).toEqual([
      ['gap', 'domain'],
      ['gap', 'node'],
    ]);
    expect(new Set(ids(renewed)).size).toBe(4);
  });

  it('publishes a gap in the place of an event that NATS does not take, and goes on', async () => {
    await using server = await NatsServer.start();
    await using agent = await new FakeAgent('n1').start();
    const { uid } = agent.define('web');
    agent.setTitle(uid, 'x'.repeat(1_200_000));
    agent.setTitle(uid, 'small again');
    await using _relay = relay(server, agent);
    const stream = await streamOf(server, 3);
    expect(ids(stream)).toEqual(journalOf(agent));
    expect(stream.map(({ body }) => body.$case)).toEqual(['domain', 'gap', 'domain']);
    expect(stream[1]?.body).toMatchObject({
      value: { first: 2n, last: 2n, reason: expect.stringContaining('raise max_payload') as unknown },
    });
  });

  it('neither loses nor doubles over kills of NATS and of the agent at any moment', { timeout: 120_000 }, async () => {
    await using server = await NatsServer.start();
    await using agent = await new FakeAgent('n1').start();
    const { uid } = agent.define('web');
    await using _first = relay(server, agent);
    await using _second = relay(server, agent);
    for (let round = 0; round < 25; round += 1) {
      changes(agent, uid, 40 + round * 10);
      await delay((round * 7) % 45);
      const what = round % 5;
      if (what === 0 || what === 2) await server.kill();
      if (what === 1) await agent.stop();
      if (what === 3) server.pause();
      changes(agent, uid, 30);
      await delay((round * 11) % 60);
      if (what === 0 || what === 2) await server.restart();
      if (what === 1) await agent.start();
      if (what === 3) server.resume();
    }
    expect(ids(await streamOf(server, journalOf(agent).length))).toEqual(journalOf(agent));
  });

  it('keeps up with a long journal', async () => {
    await using server = await NatsServer.start();
    await using agent = await new FakeAgent('n1').start();
    const { uid } = agent.define('web');
    changes(agent, uid, 20_000);
    const begun = process.cpuUsage();
    await using _relay = relay(server, agent);
    expect(await streamOf(server, 20_001)).toHaveLength(20_001);
    // Time of the processor: how busy the machine is with other things does not count.
    const { system, user } = process.cpuUsage(begun);
    expect((system + user) / 1e6).toBeLessThan(20);
  });
});

import { setTimeout as delay } from 'node:timers/promises';
import {
  EventBus,
  type EventLog,
  type EventMessage,
  EventPublisher,
  gapType,
  type LostMessages,
  type SubscribeOptions,
  subscribeEvents,
} from '@virtmesh/events';
import { connect, type StreamAPI } from 'nats';
import { describe, expect, it } from 'vitest';
import { NatsServer } from '../../support/nats.ts';

const log: EventLog = { info: () => undefined, warn: () => undefined };
const never = new AbortController().signal;

const gap = (node: string, number: number): EventMessage => ({
  kind: 'node',
  node,
  context: {
    id: `u/e/${number}`,
    source: `nodes/${node}`,
    type: gapType('node'),
    subject: `nodes/${node}`,
    time: new Date(),
    nodeUid: 'u',
    epoch: 'e',
    number: BigInt(number),
    requestor: '',
    requestId: '',
    operation: '',
    traceparent: '',
  },
  body: { $case: 'gap', value: { first: 1n, last: BigInt(number), reason: 'test' } },
});

/** Publishes numbers one after the other, over whatever happens to the server. */
async function publishAll(bus: EventBus, node: string, first: number, last: number): Promise<void> {
  const publisher = new EventPublisher({ bus, log });
  for (let next = first; next <= last;) {
    try {
      const cursor = await publisher.lastPublished('node', node, never);
      next = Number(cursor?.id.number ?? 0n) + 1;
      if (next <= last) await publisher.publish(gap(node, next), cursor?.sequence ?? 0, never);
    } catch {
      await delay(20);
    }
  }
}

async function take(bus: EventBus, from: SubscribeOptions['from'], count: number, ready: () => void = () => undefined): Promise<string[]> {
  const ids: string[] = [];
  const stop = AbortSignal.timeout(40_000);
  const events = subscribeEvents({ bus, log, from }, stop);
  setTimeout(ready, 200);
  for await (const { event } of events) {
    ids.push(event.id);
    if (ids.length >= count) break;
  }
  return ids;
}

/** Does something as an operator who has the tools of NATS. */
async function withStreams(server: NatsServer, act: (streams: StreamAPI) => Promise<unknown>): Promise<void> {
  const connection = await connect({ servers: server.url });
  await act((await connection.jetstreamManager()).streams);
  await connection.close();
}

const ids = (first: number, last: number): string[] => Array.from({ length: last - first + 1 }, (_, at) => `u/e/${first + at}`);

describe('subscribing', () => {
  it('begins with all, at a sequence, at a time or with what is new', async () => {
    await using server = await NatsServer.start();
    await using bus = EventBus.open({ servers: [server.url], name: 'test', log });
    await publishAll(bus, 'n1', 1, 10);
    await delay(50);
    const middle = new Date();
    await delay(50);
    await publishAll(bus, 'n1', 11, 20);
    expect(await take(bus, { t: 'all' }, 20)).toEqual(ids(1, 20));
    expect(await take(bus, { t: 'sequence', sequence: 8 }, 13)).toEqual(ids(8, 20));
    expect(await take(bus, { t: 'time', time: middle }, 10)).toEqual(ids(11, 20));
    expect(await take(bus, { t: 'new' }, 3, () => void publishAll(bus, 'n1', 21, 23))).toEqual(ids(21, 23));
  });

  it('reads on over kills of the server, without repeat or hole', async () => {
    await using server = await NatsServer.start();
    await using bus = EventBus.open({ servers: [server.url], name: 'test', log });
    const taken = take(bus, { t: 'all' }, 300);
    const published = publishAll(bus, 'n1', 1, 300);
    for (let round = 0; round < 3; round += 1) {
      await delay(150);
      await server.kill();
      await delay(100);
      await server.restart();
    }
    await published;
    expect(await taken).toEqual(ids(1, 300));
  });

  it('tells of events that were trimmed before they were read', async () => {
    await using server = await NatsServer.start();
    await using bus = EventBus.open({ servers: [server.url], name: 'test', log });
    await publishAll(bus, 'n1', 1, 10);
    await withStreams(server, (streams) => streams.purge('VIRTMESH_EVENTS', { seq: 6 }));
    const seen: unknown[] = [];
    const onLost = (lost: LostMessages): void => void seen.push(lost);
    for await (const { event, sequence } of subscribeEvents({ bus, log, from: { t: 'sequence', sequence: 3 }, onLost }, never)) {
      seen.push(event.id);
      if (sequence === 10) break;
    }
    expect(seen).toEqual([{ t: 'lost', sequences: { first: 3, last: 5 } }, ...ids(6, 10)]);
  });

  it('tells of another stream in the place of the one that it read, and begins with all of it', async () => {
    await using server = await NatsServer.start();
    await using bus = EventBus.open({ servers: [server.url], name: 'test', log });
    await publishAll(bus, 'n1', 1, 5);
    const seen: unknown[] = [];
    const onLost = (lost: LostMessages): void => void seen.push(lost);
    for await (const { event, node, sequence } of subscribeEvents({ bus, log, from: { t: 'all' }, onLost }, never)) {
      seen.push(`${node} ${event.id}`);
      if (node === 'n1' && sequence === 5) {
        await server.kill();
        await server.restart();
        await withStreams(server, (streams) => streams.delete('VIRTMESH_EVENTS'));
        await using other = EventBus.open({ servers: [server.url], name: 'other', log });
        await publishAll(other, 'n2', 1, 8);
      }
      if (node === 'n2' && sequence === 8) break;
    }
    const of = (node: string, last: number): string[] => ids(1, last).map((id) => `${node} ${id}`);
    expect(seen).toEqual([...of('n1', 5), { t: 'lost', sequences: undefined }, ...of('n2', 8)]);
  });

  it('leaves out what is not an event of virtmesh', async () => {
    await using server = await NatsServer.start();
    await using bus = EventBus.open({ servers: [server.url], name: 'test', log });
    await publishAll(bus, 'n1', 1, 1);
    const connection = await connect({ servers: server.url });
    await connection.jetstream().publish('virtmesh.events.node.n2', 'not an event');
    await connection.jetstream().publish('virtmesh.events.other.n2.deep', 'neither');
    await connection.close();
    await publishAll(bus, 'n1', 2, 2);
    expect(await take(bus, { t: 'all' }, 2)).toEqual(ids(1, 2));
  });
});

describe('the connection', () => {
  it('is tried for until the server is there, says where it stands, and ends every wait when it is closed', async () => {
    await using server = await NatsServer.start({ running: false });
    await using bus = EventBus.open({ servers: [server.url], name: 'test', log });
    const seen: string[] = [];
    bus.onStatus(({ t }) => seen.at(-1) !== t && seen.push(t));
    await expect
      .poll(() => bus.status)
      .toMatchObject({ t: 'connecting', lastError: expect.stringContaining('CONNECTION_REFUSED') as unknown });
    const publisher = new EventPublisher({ bus, log });
    await expect(publisher.lastPublished('node', 'n1', AbortSignal.timeout(100))).rejects.toThrow('deadline');
    const waiting = publisher.publish(gap('n1', 1), 0, never);
    await server.restart();
    expect(await waiting).toMatchObject({ t: 'published' });
    await server.kill();
    await expect.poll(() => bus.status.t).toBe('connecting');
    const ended = publisher.lastPublished('node', 'n1', never);
    await bus.close();
    await expect(ended).rejects.toThrow('closed');
    expect(seen).toEqual(['connecting', 'connected', 'connecting', 'closed']);
  });
});

import { setTimeout as delay } from 'node:timers/promises';
import { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { DomainEvent } from '@virtmesh/contracts/domain/v1/domain_event';
import {
  EventBus,
  type EventLog,
  type EventMessage,
  EventPublisher,
  eventStreamName,
  eventSubject,
  formatEventId,
  type PublishOutcome,
  type ReceivedEvent,
  subscribeEvents,
} from '@virtmesh/events';
import { connect } from 'nats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NatsServer } from '../../support/nats.ts';

const log: EventLog = { info: () => undefined, warn: () => undefined };
const never = new AbortController().signal;
let server: NatsServer;

beforeAll(async () => {
  server = await NatsServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

const open = (): EventBus => EventBus.open({ servers: [server.url], name: 'test', log });

function event(node: string, number: number, bytes = 0): EventMessage {
  const position = { nodeUid: `uid-of-${node}`, epoch: 'e1', number: BigInt(number) };
  const name = `nodes/${node}/domains/web`;
  const made = DomainEvent.fromPartial({
    context: {
      ...position,
      id: formatEventId(position),
      source: `nodes/${node}`,
      type: 'io.virtmesh.domain.started.v1',
      subject: name,
      time: new Date(),
    },
    uid: 'u',
    name,
    domain: Domain.fromPartial({ title: 'x'.repeat(bytes) }),
  });
  if (!made.context) throw new Error('an event has a context');
  return { kind: 'domain', node, context: made.context, body: { $case: 'domain', value: made } };
}

const events = (node: string, first: number, last: number): EventMessage[] =>
  Array.from({ length: last - first + 1 }, (_, at) => event(node, first + at));

async function received(bus: EventBus, node: string, count: number): Promise<ReceivedEvent[]> {
  const all: ReceivedEvent[] = [];
  for await (const one of subscribeEvents({ bus, log, node, from: { t: 'all' } }, AbortSignal.timeout(20_000))) {
    all.push(one);
    if (all.length >= count) break;
  }
  return all;
}

describe('publishing', () => {
  it('keeps the order, says where it stands, and carries the CloudEvents attributes', async () => {
    await using bus = open();
    const publisher = new EventPublisher({ bus, log });
    expect(await publisher.lastPublished('domain', 'a1', never)).toBeUndefined();
    const batch = events('a1', 1, 600);
    const first = await publisher.publishBatch(batch, 0, never);
    expect(first).toMatchObject({ t: 'published', published: 600 });
    const cursor = await publisher.lastPublished('domain', 'a1', never);
    const time = batch.at(-1)?.context.time;
    expect(time).toBeInstanceOf(Date);
    expect(cursor).toEqual({ sequence: first.sequence, id: { nodeUid: 'uid-of-a1', epoch: 'e1', number: 600n }, time });
    expect(await publisher.publish(event('a1', 601), first.sequence, never)).toMatchObject({ t: 'published', published: 1 });
    const all = await received(bus, 'a1', 601);
    expect(all.map((one) => one.event.extensions['sequence'])).toEqual(
      Array.from({ length: 601 }, (_, at) => String(at + 1).padStart(19, '0')),
    );
    expect(all[0]).toMatchObject({
      kind: 'domain',
      node: 'a1',
      event: {
        id: 'uid-of-a1/e1/1',
        source: 'nodes/a1',
        type: 'io.virtmesh.domain.started.v1',
        subject: 'nodes/a1/domains/web',
        datacontenttype: 'application/json',
      },
    });
    expect(all[0]?.body).toEqual(
      event('a1', 1).body.$case === 'domain'
        ? { $case: 'domain', value: expect.objectContaining({ uid: 'u', name: 'nodes/a1/domains/web' }) as unknown }
        : undefined,
    );
  });

  it('refuses what does not follow on the last message, and takes nothing of the rest', async () => {
    await using bus = open();
    const publisher = new EventPublisher({ bus, log });
    const { sequence } = await publisher.publishBatch(events('b1', 1, 3), 0, never);
    expect(await publisher.publishBatch(events('b1', 10, 20), sequence - 1, never)).toEqual({
      t: 'conflict',
      published: 0,
      sequence: sequence - 1,
    });
    expect(await publisher.publishBatch(events('b1', 10, 20), 0, never)).toEqual({ t: 'conflict', published: 0, sequence: 0 });
    expect((await received(bus, 'b1', 3)).map((one) => one.event.id)).toEqual(['uid-of-b1/e1/1', 'uid-of-b1/e1/2', 'uid-of-b1/e1/3']);
    expect((await publisher.lastPublished('domain', 'b1', never))?.sequence).toBe(sequence);
  });

  it('stops before an event that the server does not take', async () => {
    await using bus = open();
    const publisher = new EventPublisher({ bus, log });
    const outcome = await publisher.publishBatch([event('c1', 1), event('c1', 2, 2_000_000), event('c1', 3)], 0, never);
    expect(outcome).toMatchObject({ t: 'too-large', published: 1, limitBytes: 1024 ** 2 });
    expect((await publisher.lastPublished('domain', 'c1', never))?.id.number).toBe(1n);
  });

  it('keeps each subject whole while other subjects of the stream are written at the same time', async () => {
    const nodes = ['d1', 'd2', 'd3'];
    await Promise.all(
      nodes.map(async (node, at) => {
        await using bus = open();
        const publisher = new EventPublisher({ bus, log });
        let sequence = 0;
        // Of different sizes, so that one ends amid the chains of the others.
        const batch = 100 * (at + 1);
        for (let from = 1; from <= 3000; from += batch) {
          const outcome = await publisher.publishBatch(events(node, from, from + batch - 1), sequence, never);
          expect(outcome).toMatchObject({ t: 'published', published: batch });
          sequence = outcome.sequence;
        }
      }),
    );
    await using bus = open();
    for (const node of nodes)
      expect((await received(bus, node, 3000)).map((one) => one.event.id)).toEqual(events(node, 1, 3000).map((one) => one.context.id));
  });

  it('lets several publishers of one subject take turns without a double or a hole', async () => {
    await using other = await NatsServer.start();
    const openOther = (): EventBus => EventBus.open({ servers: [other.url], name: 'test', log });
    // The server's own guard against doubles must not be what keeps them out.
    const limits = { duplicateWindowMs: 100 };
    const journal = events('e1', 1, 2000);
    const outcomes: PublishOutcome['t'][] = [];
    const publish = async (pauseMs: number, batch: number): Promise<void> => {
      await using bus = openOther();
      const publisher = new EventPublisher({ bus, log, limits });
      for (;;) {
        const cursor = await publisher.lastPublished('domain', 'e1', never);
        const next = journal.slice(Number(cursor?.id.number ?? 0n)).slice(0, batch);
        if (next.length === 0) return;
        // What was read grows old before it is used, as with a process that was held up.
        await delay(pauseMs);
        outcomes.push((await publisher.publishBatch(next, cursor?.sequence ?? 0, never)).t);
      }
    };
    await Promise.all([publish(10, 10), publish(13, 7), publish(250, 256)]);
    expect(new Set(outcomes)).toContain('conflict');
    await using bus = openOther();
    expect((await received(bus, 'e1', 2000)).map((one) => one.event.id)).toEqual(journal.map((one) => one.context.id));
    const connection = await connect({ servers: other.url });
    const { state } = await (
      await connection.jetstreamManager()
    ).streams.info(eventStreamName, { subjects_filter: eventSubject('domain', 'e1') });
    expect(state.subjects).toEqual({ [eventSubject('domain', 'e1')]: 2000 });
    await connection.close();
  });

  it('remembers what was published when the messages themselves have expired', async () => {
    await using bus = open();
    const publisher = new EventPublisher({ bus, log });
    const last = await publisher.publishBatch(events('f1', 1, 5), 0, never);
    await publisher.rememberCursor('domain', 'f1', 'uid-of-f1/e1/5', never);
    const connection = await connect({ servers: server.url });
    await (await connection.jetstreamManager()).streams.purge(eventStreamName, { filter: eventSubject('domain', 'f1') });
    await connection.close();
    const cursor = await publisher.lastPublished('domain', 'f1', never);
    expect(cursor).toEqual({ sequence: 0, id: { nodeUid: 'uid-of-f1', epoch: 'e1', number: 5n } });
    expect(await publisher.publish(event('f1', 6), last.sequence, never)).toMatchObject({ t: 'conflict' });
    expect(await publisher.publish(event('f1', 6), 0, never)).toMatchObject({ t: 'published' });
  });

  it('says that it cannot tell, when the server does not answer, and goes on from the cursor', { timeout: 60_000 }, async () => {
    await using bus = open();
    const publisher = new EventPublisher({ bus, log });
    const { sequence } = await publisher.publishBatch(events('g1', 1, 2), 0, never);
    server.pause();
    try {
      expect(await publisher.publishBatch(events('g1', 3, 6), sequence, never)).toMatchObject({ t: 'unknown', published: 0 });
    } finally {
      server.resume();
    }
    // The server carried it out when it went on.
    await expect.poll(async () => (await publisher.lastPublished('domain', 'g1', never))?.id.number, { timeout: 10_000 }).toBe(6n);
  });

  it('refuses a stream that cannot keep events, and names what is wrong', async () => {
    await using other = await NatsServer.start();
    const connection = await connect({ servers: other.url });
    await (
      await connection.jetstreamManager()
    ).streams.add({ name: eventStreamName, subjects: ['virtmesh.events.>'], max_msgs_per_subject: 1 });
    await connection.close();
    await using bus = EventBus.open({ servers: [other.url], name: 'test', log });
    const publisher = new EventPublisher({ bus, log });
    await expect(publisher.lastPublished('domain', 'n1', never)).rejects.toThrow('it limits the messages of a subject');
  });
});

import {
  agentInboxPrefix,
  agentPermissions,
  type Copy,
  CopyStore,
  domainCopiesBucket,
  EventBus,
  type EventLog,
  type NodeRegistration,
  NodeRegistry,
} from '@virtmesh/events';
import { connect } from 'nats';
import { describe, expect, it } from 'vitest';
import { NatsServer } from '../../support/nats.ts';

const never = new AbortController().signal;

function recordingLog(): EventLog & { readonly warnings: string[] } {
  const warnings: string[] = [];
  return { warnings, info: () => undefined, warn: (_fields, message) => void warnings.push(message) };
}

const registration = (node: string, address = 'unix:/run/agent.sock'): NodeRegistration => ({
  node,
  nodeUid: `uid-${node}`,
  addresses: [address],
  agentVersion: '1.0.0',
  startTime: new Date('2026-01-01T00:00:00Z'),
});

async function registered(registry: NodeRegistry): Promise<NodeRegistration[]> {
  const all: NodeRegistration[] = [];
  for await (const change of registry.watch(AbortSignal.timeout(10_000))) {
    if (change.t === 'caught-up') return all;
    if (change.t === 'registered') all.push(change.registration);
  }
  return all;
}

describe('the registry of nodes', () => {
  it('tells what is there, then each change, and all again after a kill of the server', async () => {
    const log = recordingLog();
    await using server = await NatsServer.start();
    await using bus = EventBus.open({ servers: [server.url], name: 'test', log });
    const registry = new NodeRegistry({ bus, log });
    expect(await registered(registry)).toEqual([]);
    await registry.register(registration('n1'), never);
    const stop = new AbortController();
    const seen: string[] = [];
    const watching = (async () => {
      for await (const change of registry.watch(stop.signal))
        seen.push(change.t === 'registered' ? `${change.registration.node} at ${change.registration.addresses.join()}` : change.t);
    })();
    await expect.poll(() => seen).toEqual(['n1 at unix:/run/agent.sock', 'caught-up']);
    await registry.register(registration('n1', 'host:1'), never);
    await registry.register(registration('n2'), never);
    await expect.poll(() => seen.slice(2)).toEqual(['n1 at host:1', 'n2 at unix:/run/agent.sock']);
    await server.kill();
    await server.restart();
    await expect.poll(() => seen.slice(4), { timeout: 15_000 }).toEqual(['n1 at host:1', 'n2 at unix:/run/agent.sock', 'caught-up']);
    const connection = await connect({ servers: server.url });
    const kv = await connection.jetstream().views.kv('virtmesh_nodes');
    await kv.put('n3', JSON.stringify({ ...registration('n2'), addresses: 'none' }));
    await kv.put('n4', JSON.stringify(registration('n2')));
    await kv.delete('n1');
    await connection.close();
    await expect.poll(() => seen.slice(7)).toEqual(['removed']);
    expect(log.warnings.filter((warning) => warning.includes('registration'))).toHaveLength(2);
    stop.abort();
    await watching;
  });

  it('lets an agent write its own key and nothing else', async () => {
    const log = recordingLog();
    await using server = await NatsServer.start({
      users: [
        { user: 'svc', password: 's' },
        { user: 'n1', password: 'a', permissions: agentPermissions('n1') },
      ],
    });
    await using service = EventBus.open({ servers: [server.url], name: 'svc', user: 'svc', password: 's', log });
    await using agent = EventBus.open({
      servers: [server.url],
      name: 'agent',
      user: 'n1',
      password: 'a',
      inboxPrefix: agentInboxPrefix('n1'),
      log,
    });
    const asAgent = new NodeRegistry({ bus: agent, log, agent: true });
    await expect(asAgent.register(registration('n1'), never)).rejects.toThrow('503');
    const registry = new NodeRegistry({ bus: service, log });
    expect(await registered(registry)).toEqual([]);
    await asAgent.register(registration('n1'), never);
    expect(await registered(registry)).toEqual([registration('n1')]);
    await expect(asAgent.register(registration('n2'), never)).rejects.toThrow('Permissions Violation');
    expect(await registered(registry)).toEqual([registration('n1')]);
  });

  it('registers an agent that was there before NATS and the bucket', async () => {
    const log = recordingLog();
    await using server = await NatsServer.start({ running: false });
    await using bus = EventBus.open({ servers: [server.url], name: 'agent', log });
    const stop = new AbortController();
    const kept = new NodeRegistry({ bus, log, agent: true }).keepRegistered(registration('n1'), stop.signal);
    await server.restart();
    await using service = EventBus.open({ servers: [server.url], name: 'svc', log });
    const registry = new NodeRegistry({ bus: service, log });
    await expect.poll(() => registered(registry), { timeout: 15_000 }).toEqual([registration('n1')]);
    stop.abort();
    await kept;
  });
});

describe('last-known copies', () => {
  const copy = (uid: string, number: number, body: string, epoch = 'e1'): Copy => ({
    node: 'n1',
    uid,
    epoch,
    number: BigInt(number),
    body: Buffer.from(body),
  });

  async function store(server: NatsServer): Promise<{ store: CopyStore; load: () => Promise<Record<string, string>> } & AsyncDisposable> {
    const log = recordingLog();
    const bus = EventBus.open({ servers: [server.url], name: 'test', log });
    const make = (): CopyStore => new CopyStore({ bus, log, bucket: domainCopiesBucket, description: 'test' });
    const kept = make();
    await kept.load(never);
    const stop = new AbortController();
    const running = kept.run(stop.signal);
    return {
      store: kept,
      load: async () =>
        Object.fromEntries(
          (await make().load(never)).map((each) => [each.uid, `${each.epoch}/${each.number} ${Buffer.from(each.body).toString()}`]),
        ),
      [Symbol.asyncDispose]: async () => {
        stop.abort();
        await running;
        await bus.close();
      },
    };
  }

  it('are written behind the changes, only the last of each object', async () => {
    await using server = await NatsServer.start();
    await using s = await store(server);
    for (let number = 1; number <= 500; number += 1) s.store.put(copy('a', number, `a${number}`), false);
    s.store.put(copy('b', 3, 'b'), false);
    s.store.put(copy('c', 4, 'c'), false);
    s.store.remove({ node: 'n1', uid: 'c' });
    expect(s.store.unwritten).toBeLessThanOrEqual(3);
    await s.store.idle();
    expect(await s.load()).toEqual({ a: 'e1/500 a500', b: 'e1/3 b' });
    s.store.remove({ node: 'n1', uid: 'a' });
    s.store.remove({ node: 'n1', uid: 'never-there' });
    await s.store.idle();
    expect(await s.load()).toEqual({ b: 'e1/3 b' });
  });

  it('are never overwritten by an older one, whoever writes it', async () => {
    await using server = await NatsServer.start();
    await using first = await store(server);
    await using second = await store(server);
    first.store.put(copy('a', 7, 'newer'), false);
    await first.store.idle();
    second.store.put(copy('a', 6, 'older'), false);
    await second.store.idle();
    expect(await first.load()).toEqual({ a: 'e1/7 newer' });
    second.store.put(copy('a', 8, 'newest'), false);
    await second.store.idle();
    first.store.put(copy('a', 8, 'newest'), false);
    first.store.put(copy('a', 9, 'more'), false);
    await first.store.idle();
    expect(await first.load()).toEqual({ a: 'e1/9 more' });
    // Removed by the one, written late by the other.
    first.store.remove({ node: 'n1', uid: 'a' });
    await first.store.idle();
    second.store.put(copy('a', 9, 'late'), false);
    await second.store.idle();
    expect(await first.load()).toEqual({});
    // Another store of the node: only who read it from there may say so.
    first.store.put(copy('b', 50, 'old store'), false);
    await first.store.idle();
    second.store.put(copy('b', 1, 'lagging', 'e2'), false);
    await second.store.idle();
    expect(await first.load()).toEqual({ b: 'e1/50 old store' });
    second.store.put(copy('b', 1, 'new store', 'e2'), true);
    second.store.put(copy('a', 2, 'again', 'e2'), true);
    await second.store.idle();
    expect(await first.load()).toEqual({ a: 'e2/2 again', b: 'e2/1 new store' });
  });

  it('are all written in the end, over kills of the server', async () => {
    await using server = await NatsServer.start();
    await using s = await store(server);
    const expected: Record<string, string> = {};
    for (let number = 1; number <= 400; number += 1) {
      const uid = `d${number % 40}`;
      s.store.put(copy(uid, number, `${number}`), false);
      expected[uid] = `e1/${number} ${number}`;
      if (number % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      if (number % 130 === 0) await server.kill();
      if (number % 130 === 50) await server.restart();
    }
    await server.restart();
    await s.store.idle();
    expect(await s.load()).toEqual(expected);
  });
});

import { setTimeout as delay } from 'node:timers/promises';
import { DomainServiceService, StartDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { Metadata } from '@grpc/grpc-js';
import { type CallContext, silentLogger } from '@virtmesh/kit';
import { describe, expect, it } from 'vitest';
import { bytesService } from './bytes-service.ts';
import { callThrough } from './router.ts';
import { FleetWorld } from './testing/fleet-world.ts';

const never = new AbortController().signal;

const caller = (extra: Partial<CallContext> = {}): CallContext => ({
  caller: { identity: 'virtmesh://user/alice', role: 'operator', via: 'tls', isService: false },
  method: 'test',
  callId: 'call-1234567',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  signal: never,
  deadline: undefined,
  log: silentLogger(),
  metadata: new Metadata(),
  ...extra,
});

describe('the router', () => {
  it('finds the agent by node, by uid over all nodes, and by a bare name that is the only one', async () => {
    await using world = new FleetWorld();
    const n1 = await world.agent('n1');
    const n2 = await world.agent('n2');
    const web = n1.define('web');
    n2.define('web');
    n2.define('db');
    await world.settle();
    const to = async (name: string): Promise<[string, string]> => {
      const { link, name: there } = await world.router.toObject(name, 'name', never);
      return [link.node, there];
    };
    expect(await to('nodes/n2/domains/not-yet-known')).toEqual(['n2', 'nodes/n2/domains/not-yet-known']);
    expect(await to(`nodes/-/domains/uid:${web.uid}`)).toEqual(['n1', 'nodes/n1/domains/web']);
    expect(await to('nodes/-/domains/db')).toEqual(['n2', 'nodes/n2/domains/db']);
    await expect(to('nodes/-/domains/web')).rejects.toMatchObject({
      reason: 'NAME_AMBIGUOUS',
      metadata: { candidates: 'nodes/n1/domains/web,nodes/n2/domains/web' },
    });
    await expect(to('nodes/-/domains/none')).rejects.toMatchObject({ reason: 'DOMAIN_NOT_FOUND' });
    await expect(to('nodes/n3/domains/web')).rejects.toMatchObject({ reason: 'NODE_NOT_FOUND', metadata: { node: 'n3' } });
    await expect(to('domains/web')).rejects.toMatchObject({ reason: 'NAME_INVALID' });
    const soon = to('nodes/-/domains/soon');
    n1.define('soon');
    expect(await soon).toEqual(['n1', 'nodes/n1/domains/soon']);
    await expect(world.router.toNode('-', 'parent', never)).rejects.toMatchObject({
      reason: 'NAME_AMBIGUOUS',
      metadata: { candidates: 'nodes/n1,nodes/n2' },
    });
  });

  it('takes the only node where any will do', async () => {
    await using world = new FleetWorld();
    await expect(world.router.toNode('-', 'parent', never)).rejects.toMatchObject({ reason: 'NODE_NOT_FOUND' });
    await world.agent('n1');
    await expect.poll(() => world.fleet.links.length).toBe(1);
    expect((await world.router.toNode('-', 'parent', never)).link.node).toBe('n1');
  });

  it('hands calls on as bytes, with the caller, its trace and its deadline', async () => {
    await using world = new FleetWorld();
    const agent = await world.agent('n1');
    agent.define('web');
    await world.settle();
    const { link, session } = await world.router.toObject('nodes/n1/domains/web', 'name', never);
    const request = Buffer.from(
      StartDomainRequest.encode(StartDomainRequest.fromPartial({ name: 'nodes/n1/domains/web', paused: true })).finish(),
    );
    const deadline = new Date(Date.now() + 5_000);
    const through = bytesService({ startDomain: DomainServiceService.startDomain });
    const answer = await callThrough({ link, session }, caller({ deadline }), (options) =>
      session.client(through).startDomain(request, options),
    );
    expect(Operation.decode(answer)).toMatchObject({ verb: 'start', requestor: 'virtmesh://user/alice' });
    const [call] = agent.calls;
    expect(call).toMatchObject({
      method: 'start',
      request: { paused: true },
      context: {
        callId: 'call-1234567',
        traceparent: caller().traceparent,
        caller: { identity: 'virtmesh://user/alice', role: 'operator' },
      },
    });
    expect(Math.abs((call?.context.deadline?.getTime() ?? 0) - deadline.getTime())).toBeLessThan(500);
  });

  it('hands on what the agent answers as it is, its cancellation, and a lost connection as NODE_UNREACHABLE', async () => {
    await using world = new FleetWorld();
    const agent = await world.agent('n1');
    agent.define('web');
    await world.settle();
    const { link, session } = await world.router.toObject('nodes/n1/domains/web', 'name', never);
    const start = (name: string, context = caller()): Promise<Operation> =>
      callThrough({ link, session }, context, (options) =>
        session.client(DomainServiceService).startDomain(StartDomainRequest.fromPartial({ name }), options),
      );
    await expect(start('nodes/n1/domains/none')).rejects.toMatchObject({
      reason: 'DOMAIN_NOT_FOUND',
      message: 'node n1 has no domain none',
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    agent.hold = promise;
    const stop = new AbortController();
    const cancelled = start('nodes/n1/domains/web', caller({ signal: stop.signal }));
    cancelled.catch(() => undefined);
    await expect.poll(() => agent.calls.length).toBe(2);
    stop.abort();
    await expect(cancelled).rejects.toMatchObject({ reason: 'OPERATION_CANCELLED' });
    await expect.poll(() => agent.calls[1]?.context.signal.aborted).toBe(true);
    await expect(start('nodes/n1/domains/web', caller({ deadline: new Date(Date.now() + 100) }))).rejects.toMatchObject({
      reason: 'DEADLINE_EXCEEDED',
    });
    resolve();
    await agent.stop();
    await delay(50);
    await expect(start('nodes/n1/domains/web')).rejects.toMatchObject({
      reason: 'NODE_UNREACHABLE',
      metadata: { node: 'n1', last_contact: link.lastContact?.toISOString() },
    });
    await expect(world.router.toObject('nodes/n1/domains/web', 'name', never)).rejects.toMatchObject({ reason: 'NODE_UNREACHABLE' });
  });
});

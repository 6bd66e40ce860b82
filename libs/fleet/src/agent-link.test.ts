import { setTimeout as delay } from 'node:timers/promises';
import { credentials } from '@grpc/grpc-js';
import { systemClock } from '@virtmesh/base';
import { silentLogger } from '@virtmesh/kit';
import { describe, expect, it } from 'vitest';
import { AgentLink } from './agent-link.ts';
import { FakeAgent } from './testing/fake-agent.ts';

function link(
  node: string,
  addresses: readonly string[],
  silenceMs = 5_000,
): AsyncDisposable & { readonly link: AgentLink; readonly states: string[] } {
  const made = new AgentLink({
    node,
    addresses,
    credentials: () => credentials.createInsecure(),
    log: silentLogger(),
    clock: systemClock,
    silenceMs,
    retryMs: 20,
    maxRetryMs: 100,
  });
  const stop = new AbortController();
  const states: string[] = [];
  made.onState(({ t }) => states.push(t));
  const running = made.run(stop.signal);
  return {
    link: made,
    states,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
    },
  };
}

const never = new AbortController().signal;

describe('the link to an agent', () => {
  it('is ready when the agent answers, lost when it ends, and ready again', async () => {
    await using agent = await new FakeAgent('n1').start();
    await using to = link('n1', [agent.address]);
    const session = await to.link.require(never);
    expect(session.atConnect.uid).toBe(agent.uid);
    expect(to.link.lastContact).toBeInstanceOf(Date);
    await agent.stop();
    await expect.poll(() => session.signal.aborted).toBe(true);
    await expect(to.link.require(never)).rejects.toMatchObject({
      reason: 'NODE_UNREACHABLE',
      metadata: { node: 'n1', last_contact: to.link.lastContact?.toISOString() },
    });
    const next = to.link.session(never);
    await agent.start();
    expect(await next).not.toBe(session);
    expect(to.states).toEqual(['connecting', 'ready', 'unreachable', 'ready']);
  });

  it('waits for the first attempt only', async () => {
    await using to = link('n1', ['unix:/nowhere/at/all']);
    await expect(to.link.require(never)).rejects.toMatchObject({
      reason: 'NODE_UNREACHABLE',
      metadata: { last_contact: 'never', why: expect.stringMatching(/^connect ENOENT/) as unknown },
    });
    const begun = performance.now();
    await expect(to.link.require(never)).rejects.toMatchObject({ reason: 'NODE_UNREACHABLE' });
    expect(performance.now() - begun).toBeLessThan(20);
  });

  it('is lost when the agent falls silent, by the clock of this side', async () => {
    await using agent = new FakeAgent('n1');
    agent.journal.heartbeatMs = 60_000;
    await agent.start();
    await using to = link('n1', [agent.address], 150);
    await to.link.require(never);
    await expect.poll(() => to.link.state).toMatchObject({ t: 'unreachable', why: 'no sign of life for 0.15 s' });
  });

  it('stays while there are heartbeats', async () => {
    await using agent = new FakeAgent('n1');
    agent.journal.heartbeatMs = 30;
    await agent.start();
    await using to = link('n1', [agent.address], 200);
    await to.link.require(never);
    const { lastContact } = to.link;
    await delay(600);
    expect(to.states).toEqual(['connecting', 'ready']);
    expect(to.link.lastContact?.getTime()).toBeGreaterThan((lastContact?.getTime() ?? 0) + 300);
  });

  it("does not take another node's agent for its own, and tries all addresses", async () => {
    await using other = await new FakeAgent('n2').start();
    await using agent = await new FakeAgent('n1').start();
    await using wrong = link('n1', [other.address]);
    await expect(wrong.link.require(never)).rejects.toMatchObject({
      metadata: { why: expect.stringContaining("is nodes/n2's") as unknown },
    });
    await using to = link('n1', [other.address, 'unix:/nowhere', agent.address]);
    expect((await to.link.session(never)).atConnect.uid).toBe(agent.uid);
    wrong.link.setAddresses([agent.address]);
    expect((await wrong.link.session(never)).atConnect.uid).toBe(agent.uid);
  });

  it('ends every wait when it ends itself', async () => {
    const to = link('n1', ['unix:/nowhere']);
    const waiting = to.link.session(never);
    waiting.catch(() => undefined);
    await to[Symbol.asyncDispose]();
    await expect(waiting).rejects.toMatchObject({ reason: 'NODE_UNREACHABLE' });
  });
});

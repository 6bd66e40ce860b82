import { randomUUID } from 'node:crypto';
import type { Clock } from '@virtmesh/base';
import { silentLogger } from '@virtmesh/kit';
import { expect, test } from 'vitest';
import { keepHouse } from './housekeeping.ts';
import { TestAgent } from './testing/test-agent.ts';
import { verbsOf } from './testing/verbs.ts';

const hourMs = 3_600_000;

test('what has been kept long enough goes, and its request id is free again', async () => {
  let ms = Date.UTC(2026, 0, 1);
  const clock: Clock = { now: () => new Date(ms), monotonicMs: () => ms };
  await using agent = await TestAgent.start({ clock });
  const verbs = verbsOf(agent);
  const requestId = randomUUID();
  const first = await verbs.create('a', { requestId });
  const all = () => agent.context.operations.list({ limit: 1000, includeDone: true });
  const sweep = async (): Promise<void> => {
    using _house = keepHouse(agent.context.store, silentLogger());
    await new Promise((resolve) => setTimeout(resolve, 50));
  };
  ms += 23 * hourMs;
  await sweep();
  expect(all()).toEqual([first]);
  expect(await verbs.create('a', { requestId })).toEqual(first);
  ms += 2 * hourMs;
  await sweep();
  expect(all()).toEqual([]);
  expect(agent.context.store.requests.get(requestId)).toBeUndefined();
  expect((await verbs.autostart('a', true, { requestId })).requestId).toBe(requestId);
});

test('a request id whose operation has expired before it is as good as new', async () => {
  let ms = Date.UTC(2026, 0, 1);
  const clock: Clock = { now: () => new Date(ms), monotonicMs: () => ms };
  await using agent = await TestAgent.start({ clock });
  const verbs = verbsOf(agent);
  const requestId = randomUUID();
  const first = await verbs.create('a', { requestId });
  ms += 25 * hourMs;
  agent.context.store.operations.expire();
  await expect(verbs.create('a', { requestId })).rejects.toMatchObject({ reason: 'DOMAIN_EXISTS' });
  const second = await verbs.autostart('a', true, { requestId });
  expect(second.name).not.toBe(first.name);
  expect(await verbs.autostart('a', true, { requestId })).toEqual(second);
});

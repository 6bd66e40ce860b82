import { runSteps, sleep } from '@virtmesh/base';
import { expect, test } from 'vitest';
import { Preemption } from './preemption.ts';

const guest = { uid: '6f1c5f0e-5d51-4c2b-9d5e-0b7c1a2d3e4f', id: 'web-1' };
const preempted = { reason: 'OPERATION_PREEMPTED', metadata: { uid: guest.uid } };
const soon = (): AbortSignal => AbortSignal.timeout(10_000);

test('the step that runs fails, those before it are undone, and none comes after it', async () => {
  const preemption = new Preemption(guest);
  const seen: string[] = [];
  const step = (name: string, run: (signal: AbortSignal) => Promise<void>) =>
    preemption.step(name, run, async () => void seen.push(`undo ${name}`));
  const running = Promise.withResolvers<void>();
  const start = runSteps(
    [
      step('first', async () => void seen.push('first')),
      step('second', async (signal) => {
        running.resolve();
        await sleep(60_000, signal);
      }),
      step('third', async () => void seen.push('third')),
    ],
    soon(),
  );
  const failed = start.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  await running.promise;
  await preemption.preempt(soon());
  expect(await failed).toMatchObject(preempted);
  expect(seen).toEqual(['first', 'undo second', 'undo first']);
});

test('it waits for a step that ends in its own time, and no longer than its caller', async () => {
  const preemption = new Preemption(guest);
  const work = Promise.withResolvers<void>();
  const step = preemption.step('deaf', () => work.promise);
  const run = Promise.resolve(step.run(soon()));
  await expect(preemption.preempt(AbortSignal.timeout(10))).rejects.toMatchObject({ reason: 'DEADLINE_EXCEEDED' });
  let done = false;
  const gaveWay = preemption.preempt(soon()).then(() => (done = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(done).toBe(false);
  work.reject(new Error('a step that fails is over too'));
  await gaveWay;
  await expect(run).rejects.toThrow('a step that fails');
});

test('one that comes between two steps makes the next one fail', async () => {
  const preemption = new Preemption(guest);
  await preemption.step('first', async () => {}).run(soon());
  await preemption.preempt(soon());
  expect(() => preemption.throwIfPreempted()).toThrow(expect.objectContaining(preempted));
  await expect(preemption.step('second', async () => {}).run(soon())).rejects.toMatchObject(preempted);
});

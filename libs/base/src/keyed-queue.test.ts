import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyedQueue } from './keyed-queue.ts';

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('KeyedQueue', () => {
  it('runs jobs of one key one by one and in order, whatever fails', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), fails: fc.boolean() }), { maxLength: 30 }),
        async (jobs) => {
          const queue = new KeyedQueue();
          const begun: Record<string, number[]> = {};
          const active = new Set<string>();
          await Promise.allSettled(
            jobs.map(({ key, fails }, index) =>
              queue.run(key, undefined, async () => {
                expect(active.has(key)).toBe(false);
                active.add(key);
                (begun[key] ??= []).push(index);
                await tick();
                active.delete(key);
                if (fails) throw new Error('planted');
              }),
            ),
          );
          for (const order of Object.values(begun)) expect(order).toEqual(order.toSorted((x, y) => x - y));
          expect(Object.values(begun).flat()).toHaveLength(jobs.length);
          for (const { key } of jobs) expect(queue.isBusy(key)).toBe(false);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('takes an aborted job out of the queue', async () => {
    const queue = new KeyedQueue();
    const hold = Promise.withResolvers<void>();
    const first = queue.run('a', undefined, () => hold.promise);
    const abort = new AbortController();
    const second = queue.run('a', abort.signal, () => 'ran');
    abort.abort();
    await expect(second).rejects.toMatchObject({ reason: 'OPERATION_CANCELLED' });
    hold.resolve();
    await first;
    expect(await queue.run('a', undefined, () => 'third')).toBe('third');
  });

  it('refuses more than its bound', async () => {
    const queue = new KeyedQueue({ maxWaiting: 1 });
    const hold = Promise.withResolvers<void>();
    const first = queue.run('a', undefined, () => hold.promise);
    const second = queue.run('a', undefined, () => undefined);
    await expect(queue.run('a', undefined, () => undefined)).rejects.toMatchObject({ reason: 'LIMIT_EXCEEDED', retryAfterMs: 1000 });
    hold.resolve();
    await Promise.all([first, second]);
  });
});

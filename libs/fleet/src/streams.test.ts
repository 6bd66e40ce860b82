import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { withDeadman } from './deadman.ts';
import { inBatches } from './entry-batches.ts';

async function* of(...steps: (number | { readonly waitMs: number })[]): AsyncGenerator<number> {
  for (const step of steps) {
    if (typeof step === 'number') yield step;
    else await delay(step.waitMs);
  }
}

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}

describe('a deadman', () => {
  it('lets through what comes in time', async () => {
    expect(await collect(withDeadman(of(1, { waitMs: 20 }, 2, { waitMs: 20 }, 3), 200))).toEqual([1, 2, 3]);
  });

  it('gives up a stream that has gone silent, and leaves it', async () => {
    let left = false;
    const stream: AsyncIterableIterator<number> = {
      next: () => new Promise(() => undefined),
      return: () => {
        left = true;
        return Promise.resolve({ value: undefined, done: true });
      },
      [Symbol.asyncIterator]: () => stream,
    };
    await expect(collect(withDeadman(stream, 30))).rejects.toThrow('no sign of life for 0.03 s');
    expect(left).toBe(true);
  });

  it('does not count the time that its reader takes', async () => {
    const seen: number[] = [];
    for await (const value of withDeadman(of(1, 2, 3), 30)) {
      seen.push(value);
      await delay(50);
    }
    expect(seen).toEqual([1, 2, 3]);
  });

  it('reads what came while the process was held up', async () => {
    const arrived = of(1, { waitMs: 10 }, 2);
    const seen: number[] = [];
    for await (const value of withDeadman(arrived, 60)) {
      seen.push(value);
      if (value === 1)
        setImmediate(() => {
          for (const end = performance.now() + 120; performance.now() < end;);
        });
    }
    expect(seen).toEqual([1, 2]);
  });
});

describe('batches', () => {
  /** What a reader gets that takes a while for each batch. */
  async function batchesOf(stream: AsyncIterableIterator<number>, most: number): Promise<(readonly number[])[]> {
    const seen: (readonly number[])[] = [];
    for await (const batch of inBatches(stream, most)) {
      seen.push(batch);
      await delay(20);
    }
    return seen;
  }

  it('hand on at once what was waited for, and then together what came meanwhile', async () => {
    const seen = await batchesOf(of(1, 2, 3, { waitMs: 60 }, 4, { waitMs: 60 }, 5, 6, 7), 100);
    expect(seen).toEqual([[1], [2, 3], [4], [5], [6, 7]]);
  });

  it('are bounded', async () => {
    expect(await batchesOf(of(1, 2, 3, 4, 5, 6), 2)).toEqual([[1], [2, 3], [4, 5], [6]]);
    expect(await batchesOf(of(), 2)).toEqual([]);
  });

  it('fail with the stream, after what came before', async () => {
    async function* failing(): AsyncGenerator<number> {
      yield 1;
      await delay(5);
      throw new Error('lost');
    }
    const seen: (readonly number[])[] = [];
    await expect(
      (async () => {
        for await (const batch of inBatches(failing(), 10)) seen.push(batch);
      })(),
    ).rejects.toThrow('lost');
    expect(seen).toEqual([[1]]);
  });
});

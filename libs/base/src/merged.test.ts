import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { merged } from './merged.ts';

async function* of<T>(...values: T[]): AsyncGenerator<T> {
  yield* values;
}

it('gives all of all, each in its order', async () => {
  const seen: string[] = [];
  for await (const value of merged([of('a1', 'a2', 'a3'), of<string>(), of('b1', 'b2')])) seen.push(value);
  expect(seen.filter((value) => value.startsWith('a'))).toEqual(['a1', 'a2', 'a3']);
  expect(seen.filter((value) => value.startsWith('b'))).toEqual(['b1', 'b2']);
});

it('fails as the one that fails', async () => {
  async function* failing(): AsyncGenerator<number> {
    yield 1;
    throw new Error('it broke');
  }
  const seen: number[] = [];
  const read = async (): Promise<void> => {
    for await (const value of merged([failing()])) seen.push(value);
  };
  await expect(read()).rejects.toThrow('it broke');
  expect(seen).toEqual([1]);
});

it('keeps nothing of what was read while one is silent', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const read: WeakRef<object>[] = [];
  async function* many(): AsyncGenerator<object> {
    for (let count = 0; count < 500; count += 1) yield {};
  }
  const never = new Promise<IteratorResult<object>>(() => {});
  const silent: AsyncIterable<object> = { [Symbol.asyncIterator]: () => ({ next: () => never }) };
  const values = merged([silent, many()]);
  for (let count = 0; count < 499; count += 1) {
    const { value } = await values.next();
    if (value) read.push(new WeakRef(value));
  }
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  expect(read.filter((each) => each.deref() !== undefined).length).toBeLessThan(20);
});

it('ends all iterations where its reader leaves, and where one fails', async () => {
  const left: string[] = [];
  async function* endless(name: string): AsyncGenerator<string> {
    try {
      for (;;) yield await Promise.resolve(name);
    } finally {
      left.push(name);
    }
  }
  for await (const value of merged([endless('a'), endless('b')])) if (value === 'b') break;
  await expect.poll(() => left.toSorted()).toEqual(['a', 'b']);
  async function* failing(): AsyncGenerator<string> {
    yield await Promise.resolve('c');
    throw new Error('it broke');
  }
  const read = Array.fromAsync(merged([endless('d'), failing()]));
  await expect(read).rejects.toThrow('it broke');
  await expect.poll(() => left.toSorted()).toEqual(['a', 'b', 'd']);
});

it('does not wait for the end of one that is silent', async () => {
  let asked = false;
  const silent: AsyncIterable<string> = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise(() => undefined),
      return: () => {
        asked = true;
        return new Promise(() => undefined);
      },
    }),
  };
  for await (const _value of merged([silent, of('a', 'b')])) break;
  expect(asked).toBe(true);
});

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { withTicks } from './watch.ts';

it('ticks where nothing came for a while, and ends with the iteration', async () => {
  const more = Promise.withResolvers<void>();
  async function* slow(): AsyncGenerator<number> {
    yield 1;
    await more.promise;
    yield 2;
  }
  const seen: (number | undefined)[] = [];
  for await (const value of withTicks(slow(), 5)) {
    seen.push(value);
    if (seen.length === 3) more.resolve();
  }
  expect(seen.slice(0, 3)).toEqual([1, undefined, undefined]);
  expect(seen.at(-1)).toBe(2);
});

it('fails as the iteration does', async () => {
  async function* failing(): AsyncGenerator<number> {
    yield 1;
    throw new Error('it broke');
  }
  const values = withTicks(failing(), 1000);
  expect(await values.next()).toEqual({ done: false, value: 1 });
  await expect(values.next()).rejects.toThrow('it broke');
});

it('keeps nothing of what was read, however long no tick comes', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  async function* many(): AsyncGenerator<object> {
    for (;;) yield {};
  }
  const values = withTicks(many(), 60_000);
  const read: WeakRef<object>[] = [];
  for (let count = 0; count < 500; count += 1) {
    const { value } = await values.next();
    if (value) read.push(new WeakRef(value));
  }
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  expect(read.filter((each) => each.deref() !== undefined).length).toBeLessThan(20);
  await values.return(undefined);
});

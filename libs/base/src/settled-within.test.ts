import { expect, it } from 'vitest';
import { settledWithin } from './settled-within.ts';

it('tells whether a promise settles in time, however it does', async () => {
  expect(await settledWithin(Promise.resolve(), 1000)).toBe(true);
  expect(await settledWithin(Promise.reject(new Error('failed')), 1000)).toBe(true);
  expect(await settledWithin(new Promise(() => {}), 1)).toBe(false);
});

it('leaves no rejection unhandled that comes when nobody waits any more', async () => {
  const late = Promise.withResolvers<void>();
  expect(await settledWithin(late.promise, 1)).toBe(false);
  late.reject(new Error('too late'));
  await new Promise((resolve) => setImmediate(resolve));
});

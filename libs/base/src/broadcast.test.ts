import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Broadcast } from './broadcast.ts';

describe('Broadcast', () => {
  it('gives every subscriber every value from its begin on, in order', async () => {
    const source = new Broadcast<number>();
    const stop = new AbortController();
    const first = source.subscribe(stop.signal);
    source.publish(1);
    const second = source.subscribe(stop.signal);
    source.publish(2);
    stop.abort();
    expect(await Array.fromAsync(first)).toEqual([1, 2]);
    expect(await Array.fromAsync(second)).toEqual([2]);
    expect(source.size).toBe(0);
  });

  it('wakes a reader that waits', async () => {
    const source = new Broadcast<string>();
    const reader = source.subscribe(new AbortController().signal);
    const next = reader.next();
    source.publish('x');
    expect(await next).toEqual({ value: 'x', done: false });
  });

  it('cuts off a reader that lags, and no other', async () => {
    const source = new Broadcast<number>();
    const slow = source.subscribe(new AbortController().signal, 2);
    const fast = source.subscribe(new AbortController().signal, 100);
    for (const value of [1, 2, 3]) source.publish(value);
    await expect(slow.next()).rejects.toMatchObject({ reason: 'WATCHER_LAGGED' });
    expect(source.size).toBe(1);
    expect(await fast.next()).toEqual({ value: 1, done: false });
  });

  it('leaves nothing with the signal of a reader that has ended', async () => {
    const source = new Broadcast<number>();
    const { signal } = new AbortController();
    const lagged = source.subscribe(signal, 1);
    const stopped = source.subscribe(signal);
    expect(getEventListeners(signal, 'abort')).toHaveLength(2);
    for (const value of [1, 2]) source.publish(value);
    await expect(lagged.next()).rejects.toMatchObject({ reason: 'WATCHER_LAGGED' });
    await stopped.return?.();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('forgets a reader that stops reading', async () => {
    const source = new Broadcast<number>();
    const reader = source.subscribe(new AbortController().signal);
    source.publish(1);
    for await (const value of reader) {
      expect(value).toBe(1);
      break;
    }
    expect(source.size).toBe(0);
  });
});

import { describe, expect, it } from 'vitest';
import { Mailbox } from './mailbox.ts';

describe('a mailbox', () => {
  it('lets writers wait for room, and keeps the order of each', async () => {
    const mailbox = new Mailbox<string>(2, new AbortController().signal);
    const write = async (name: string): Promise<void> => {
      for (let at = 0; at < 50; at += 1) await mailbox.put(`${name}${at}`);
    };
    const written = Promise.all([write('a'), write('b')]);
    const taken: (string | undefined)[] = [];
    while (taken.length < 100) taken.push(await mailbox.take(1000));
    await written;
    for (const name of ['a', 'b'])
      expect(taken.filter((value) => value?.startsWith(name))).toEqual(Array.from({ length: 50 }, (_, at) => `${name}${at}`));
  });

  it('says when nothing came', async () => {
    expect(await new Mailbox<string>(1, new AbortController().signal).take(5)).toBeUndefined();
  });

  it('fails its reader after the values that came before', async () => {
    const mailbox = new Mailbox<number>(5, new AbortController().signal);
    await mailbox.put(1);
    mailbox.fail(new Error('first'));
    mailbox.fail(new Error('second'));
    expect(await mailbox.take(10)).toBe(1);
    await expect(mailbox.take(10)).rejects.toThrow('first');
  });

  it('ends all waiting at the abort', async () => {
    const stop = new AbortController();
    const mailbox = new Mailbox<number>(1, stop.signal);
    const taking = mailbox.take(10_000);
    const other = new Mailbox<number>(1, stop.signal);
    await other.put(1);
    const putting = other.put(2);
    stop.abort();
    await expect(taking).rejects.toMatchObject({ reason: 'OPERATION_CANCELLED' });
    await expect(putting).rejects.toMatchObject({ reason: 'OPERATION_CANCELLED' });
  });
});

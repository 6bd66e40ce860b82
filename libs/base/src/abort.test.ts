import { describe, expect, it } from 'vitest';
import { raceAbort } from './abort.ts';

describe('raceAbort', () => {
  it('leaves no rejection that nobody handles where its caller has given up already', async () => {
    const unhandled: unknown[] = [];
    const onUnhandled = (thrown: unknown): void => void unhandled.push(thrown);
    process.on('unhandledRejection', onUnhandled);
    try {
      const { promise, reject } = Promise.withResolvers<void>();
      await expect(raceAbort(promise, AbortSignal.abort())).rejects.toMatchObject({ reason: 'OPERATION_CANCELLED' });
      reject(new Error('too late for anybody'));
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', onUnhandled);
    }
  });
});

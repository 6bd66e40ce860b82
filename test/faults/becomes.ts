import { expect, vi } from 'vitest';

/** Waits for what is so in a moment. `expect.poll` knows no test where several run beside each other. */
export async function becomes<T>(ask: () => Promise<T>, expected: T): Promise<void> {
  await vi.waitFor(async () => expect(await ask()).toEqual(expected), { timeout: 10_000, interval: 50 });
}

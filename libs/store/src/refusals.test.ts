import { expect, test } from 'vitest';
import { temporaryStore } from './testing/temporary-store.ts';

test.each([-1, 1.5, Number.NaN, 1])('%d is not confirmed in an empty journal', (number) => {
  using temporary = temporaryStore();
  expect(() => temporary.store.journal.confirm('domain', number)).toThrow(
    expect.objectContaining({
      reason: 'REQUEST_INVALID',
      violations: [{ field: 'number', description: 'must be a number of the journal, 0 to 0' }],
    }),
  );
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes, temporaryStore } from './testing/temporary-store.ts';

const kinds = ['domain', 'node', 'network'] as const;

describe('Journal', () => {
  it('begins at 1', () => {
    using t = temporaryStore();
    expect([
      t.store.journal.first(),
      t.store.journal.last(),
      t.store.journal.trimmedBefore(),
      t.store.journal.trimmedBefore('domain'),
    ]).toEqual([1, 0, 1, 1]);
    expect(t.store.journal.append('domain', 'u', () => bytes('x'))).toBe(1);
    expect([t.store.journal.first(), t.store.journal.last()]).toEqual([1, 1]);
  });

  it('reads pages of one kind or of all', () => {
    using t = temporaryStore();
    for (let i = 1; i <= 10; i += 1) t.store.journal.append(i % 2 ? 'domain' : 'node', `u${i}`, () => bytes(`e${i}`));
    const numbers = (options: { after: number; kind?: string; limit: number }): number[] =>
      t.store.journal.read(options).map((row) => row.number);
    expect(numbers({ after: 0, limit: 3 })).toEqual([1, 2, 3]);
    expect(numbers({ after: 0, kind: 'domain', limit: 3 })).toEqual([1, 3, 5]);
    expect(numbers({ after: 5, kind: 'domain', limit: 3 })).toEqual([7, 9]);
    expect(numbers({ after: 10, limit: 3 })).toEqual([]);
    expect(numbers({ after: 0, kind: 'network', limit: 3 })).toEqual([]);
  });

  it('refuses to confirm what was never given', () => {
    using t = temporaryStore();
    t.store.journal.append('domain', 'u', () => bytes('x'));
    for (const number of [2, -1, 0.5, NaN])
      expect(() => t.store.journal.confirm('domain', number)).toThrow(expect.objectContaining({ reason: 'REQUEST_INVALID' }));
    t.store.journal.confirm('domain', 1);
    t.store.journal.confirm('domain', 0);
    expect(t.store.journal.confirmed('domain')).toBe(1);
  });

  it('keeps what nobody confirmed, up to the hard cap', () => {
    using t = temporaryStore({ journalMaxEntries: 100, journalKeepEntries: 10 });
    for (let i = 0; i < 100; i += 1) t.store.journal.append('domain', 'u', () => bytes('x'));
    expect(t.store.journal.trim()).toBe(0);
    for (let i = 0; i < 1000; i += 1) t.store.journal.append('domain', 'u', () => bytes('x'));
    // It trims itself, so that no caller needs to.
    expect(t.store.journal.first()).toBeGreaterThan(1100 - 100 - 64);
    expect(t.store.journal.trim()).toBeLessThan(64);
    expect(t.store.journal.first()).toBe(1001);
    expect(t.store.journal.trimmedBefore('domain')).toBe(1001);
  });

  it('removes a bounded number of entries at once', () => {
    using t = temporaryStore({ journalKeepEntries: 10 });
    for (let i = 0; i < 2000; i += 1) t.store.journal.append('domain', 'u', () => bytes('x'));
    t.store.journal.confirm('domain', 2000);
    const removed: number[] = [];
    for (let count = t.store.journal.trim(); count > 0; count = t.store.journal.trim()) removed.push(count);
    expect(Math.max(...removed)).toBeLessThanOrEqual(512);
    expect(t.store.journal.first()).toBe(1991);
  });

  it('goes on with its numbers after all was trimmed and the store was opened again', () => {
    using t = temporaryStore({ journalKeepEntries: 0, journalMaxEntries: 0 });
    for (let i = 0; i < 5; i += 1) t.store.journal.append('domain', 'u', () => bytes('x'));
    while (t.store.journal.trim() > 0);
    expect([t.store.journal.first(), t.store.journal.last()]).toEqual([5, 5]);
  });

  it('never trims what must be kept and always tells of what is gone', () => {
    const command = fc.oneof(
      fc.record({ type: fc.constant('append' as const), kind: fc.constantFrom(...kinds), count: fc.integer({ min: 1, max: 40 }) }),
      fc.record({
        type: fc.constant('confirm' as const),
        kind: fc.constantFrom(...kinds),
        part: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
      fc.record({ type: fc.constant('trim' as const) }),
    );
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 40 }),
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 120 }),
        (commands, journalKeepEntries, journalMaxEntries) => {
          using t = temporaryStore({ journalKeepEntries, journalMaxEntries });
          const { journal } = t.store;
          const given: { number: number; kind: string }[] = [];
          for (const one of commands) {
            if (one.type === 'append')
              for (let i = 0; i < one.count; i += 1)
                given.push({ number: journal.append(one.kind, 'u', () => bytes('x')), kind: one.kind });
            else if (one.type === 'confirm') journal.confirm(one.kind, Math.floor(one.part * given.length));
            else journal.trim();
            expect(given.map((entry) => entry.number)).toEqual(given.map((_, index) => index + 1));
            for (const kind of [undefined, ...kinds]) {
              const all = given.filter((entry) => kind === undefined || entry.kind === kind).map((entry) => entry.number);
              const held = journal.read({ after: 0, limit: 1e6, ...(kind === undefined ? {} : { kind }) }).map((row) => row.number);
              // From there on nothing is missing.
              const from = journal.trimmedBefore(kind);
              expect(held.filter((number) => number >= from)).toEqual(all.filter((number) => number >= from));
              // What is missing was confirmed and old, or beyond the cap.
              for (const number of all.filter((each) => !held.includes(each))) {
                const entry = given[number - 1];
                const confirmed = number <= journal.confirmed(entry?.kind ?? '') && number <= given.length - journalKeepEntries;
                expect(confirmed || number <= given.length - journalMaxEntries).toBe(true);
              }
            }
          }
        },
      ),
      { numRuns: 40 },
    );
  }, 60_000);
});

import { describe, expect, it } from 'vitest';
import { bytes, temporaryStore } from './testing/temporary-store.ts';

describe('transactions', () => {
  it('commit all of an outer one with its inner ones', () => {
    using t = temporaryStore();
    const result = t.store.tx(() => {
      t.store.runtimes.put('a', 1);
      t.store.tx(() => t.store.runtimes.put('b', 2));
      return 'done';
    });
    expect(result).toBe('done');
    expect(t.store.runtimes.all()).toEqual([
      { uid: 'a', record: 1 },
      { uid: 'b', record: 2 },
    ]);
  });

  it('roll back all at a throw', () => {
    using t = temporaryStore();
    const thrown = new Error('on purpose');
    expect(() =>
      t.store.tx(() => {
        t.store.runtimes.put('a', 1);
        throw thrown;
      }),
    ).toThrow(thrown);
    expect(t.store.runtimes.get('a')).toBeUndefined();
  });

  it('roll back all at a throw in an inner one, also where it was caught', () => {
    using t = temporaryStore();
    const thrown = new Error('on purpose');
    const outer = (): void =>
      t.store.tx(() => {
        t.store.runtimes.put('a', 1);
        try {
          t.store.tx(() => {
            t.store.runtimes.put('b', 2);
            throw thrown;
          });
        } catch {
          // The outer one goes on as if nothing had happened.
        }
      });
    expect(outer).toThrow(thrown);
    expect(t.store.runtimes.all()).toEqual([]);
    t.store.tx(() => t.store.runtimes.put('c', 3));
    expect(t.store.runtimes.get('c')).toBe(3);
  });

  it('refuse asynchronous work', () => {
    using t = temporaryStore();
    expect(() =>
      t.store.tx(async () => {
        t.store.runtimes.put('a', 1);
        await Promise.resolve();
      }),
    ).toThrow(expect.objectContaining({ reason: 'INTERNAL_BUG' }));
    expect(t.store.runtimes.get('a')).toBeUndefined();
  });

  it('give a number of the journal again after a rollback, and number without holes', () => {
    using t = temporaryStore();
    t.store.journal.append('domain', 'u', () => bytes('one'));
    expect(() =>
      t.store.tx(() => {
        expect(t.store.journal.append('domain', 'u', () => bytes('lost'))).toBe(2);
        throw new Error('on purpose');
      }),
    ).toThrow('on purpose');
    expect(t.store.journal.append('domain', 'u', ({ epoch, number }) => bytes(`${epoch}/${number}`))).toBe(2);
    expect(t.store.journal.read({ after: 1, limit: 10 })).toEqual([
      { number: 2, kind: 'domain', uid: 'u', body: bytes(`${t.store.epoch}/2`) },
    ]);
  });
});

describe('afterCommit', () => {
  it('runs at once outside of a transaction, and after the outermost commit inside', () => {
    using t = temporaryStore();
    const seen: string[] = [];
    t.store.afterCommit(() => seen.push('at once'));
    t.store.tx(() => {
      t.store.tx(() => t.store.afterCommit(() => seen.push('after')));
      seen.push('inside');
    });
    expect(seen).toEqual(['at once', 'inside', 'after']);
  });

  it('is dropped at a rollback, and does not come with the next commit', () => {
    using t = temporaryStore();
    const seen: string[] = [];
    expect(() =>
      t.store.tx(() => {
        t.store.afterCommit(() => seen.push('never'));
        throw new Error('on purpose');
      }),
    ).toThrow('on purpose');
    t.store.tx(() => undefined);
    expect(seen).toEqual([]);
  });

  it('may itself open a transaction', () => {
    using t = temporaryStore();
    t.store.tx(() => t.store.afterCommit(() => t.store.tx(() => t.store.runtimes.put('a', 1))));
    expect(t.store.runtimes.get('a')).toBe(1);
  });
});

import { randomUUIDv7 } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Connection } from './connection.ts';
import type { OperationRow } from './operation-table.ts';
import { Store } from './store.ts';
import { bytes, temporaryStore, text } from './testing/temporary-store.ts';

describe('ObjectTable', () => {
  it('replaces by uid, renames, and deletes', () => {
    using t = temporaryStore();
    const { domains } = t.store;
    domains.put({ uid: 'u1', name: 'web', revision: 1, body: bytes('one') });
    domains.put({ uid: 'u1', name: 'www', revision: 2n ** 53n + 1n, body: bytes('two') });
    expect(domains.byName('web')).toBeUndefined();
    expect(domains.byName('www')).toEqual({ uid: 'u1', name: 'www', revision: 2n ** 53n + 1n, body: bytes('two') });
    domains.delete('u1');
    domains.delete('u1');
    expect(domains.get('u1')).toBeUndefined();
  });

  it('refuses a name that another one has', () => {
    using t = temporaryStore();
    t.store.domains.put({ uid: 'u1', name: 'web', revision: 1, body: bytes('one') });
    expect(() => t.store.domains.put({ uid: 'u2', name: 'web', revision: 1, body: bytes('two') })).toThrow(
      expect.objectContaining({ reason: 'DOMAIN_EXISTS', metadata: { name: 'web', uid: 'u2' } }),
    );
    expect(t.store.domains.get('u2')).toBeUndefined();
  });

  it('goes through all rows, also while they are written', () => {
    using t = temporaryStore();
    const { domains } = t.store;
    const uids = Array.from({ length: 700 }, (_, i) => `u${String(i).padStart(4, '0')}`);
    t.store.tx(() => uids.forEach((uid, i) => domains.put({ uid, name: `n${i}`, revision: i, body: bytes(uid) })));
    const seen: string[] = [];
    for (const row of domains.all()) {
      expect(text(row.body)).toBe(row.uid);
      seen.push(row.uid);
      domains.put({ ...row, revision: row.revision + 1n });
    }
    expect(seen).toEqual(uids);
  });
});

describe('RuntimeTable', () => {
  it('keeps JSON', () => {
    using t = temporaryStore();
    const record = { pid: 1, path: '/run/ü', nested: [{ a: null }] };
    t.store.runtimes.put('u1', record);
    expect(t.store.runtimes.get('u1')).toEqual(record);
    t.store.runtimes.delete('u1');
    t.store.runtimes.delete('u1');
    expect(t.store.runtimes.all()).toEqual([]);
  });

  it('names the record that is damaged', () => {
    using t = temporaryStore();
    t.store.close();
    const connection = new Connection(t.path);
    connection.exec("INSERT INTO runtimes (uid, record) VALUES ('u1', '{half'), ('u2', '{}')");
    connection.close();
    using again = Store.open({ path: t.path, clock: t.clock });
    expect(() => again.runtimes.get('u1')).toThrow(
      expect.objectContaining({ reason: 'RECORD_CORRUPT', message: expect.stringContaining('u1') }),
    );
    const fault = expect.objectContaining({ reason: 'RECORD_CORRUPT', message: expect.stringContaining('u1') });
    expect(again.runtimes.all()).toEqual([
      { uid: 'u1', record: undefined, fault },
      { uid: 'u2', record: {} },
    ]);
  });
});

describe('OperationTable', () => {
  const operation = (init: Partial<OperationRow> = {}): OperationRow => ({
    id: randomUUIDv7(),
    target: 'nodes/n1/domains/web',
    targetUid: 'u1',
    verb: 'start',
    time: 0,
    done: false,
    body: bytes('x'),
    ...init,
  });

  it('lists pages, newest first', async () => {
    using t = temporaryStore();
    const ids: string[] = [];
    for (let i = 0; i < 10; i += 1) {
      const row = operation({ done: i % 2 === 0, target: `nodes/n1/domains/d${i % 3}`, targetUid: `u${i % 3}` });
      t.store.operations.put(row);
      ids.unshift(row.id);
      // Ids sort by the millisecond.
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const list = (options: Parameters<typeof t.store.operations.list>[0]): number[] =>
      t.store.operations.list(options).map((row) => 9 - ids.indexOf(row.id));
    expect(list({ limit: 4, includeDone: true })).toEqual([9, 8, 7, 6]);
    expect(list({ limit: 4, includeDone: true, afterId: ids[3] })).toEqual([5, 4, 3, 2]);
    expect(list({ limit: 100, includeDone: false })).toEqual([9, 7, 5, 3, 1]);
    expect(list({ limit: 100, includeDone: true, target: 'u1' })).toEqual([7, 4, 1]);
    expect(list({ limit: 100, includeDone: false, target: 'nodes/n1/domains/d1' })).toEqual([7, 1]);
    expect(list({ limit: 1, includeDone: true, target: 'u1', afterId: ids[2] })).toEqual([4]);
    expect(t.store.operations.unfinished().map((row) => 9 - ids.indexOf(row.id))).toEqual([1, 3, 5, 7, 9]);
  });

  it('keeps what has ended for its time, counted from the end', () => {
    using t = temporaryStore({ keepDoneMs: 1000 });
    const { operations } = t.store;
    const [slow, quick, endless] = [
      operation({ time: t.clock.ms }),
      operation({ time: t.clock.ms, done: true }),
      operation({ time: t.clock.ms }),
    ];
    operations.put(endless);
    operations.put(slow);
    operations.put(quick);
    t.clock.ms += 900;
    operations.put({ ...slow, done: true, body: bytes('ended') });
    t.clock.ms += 200;
    expect(operations.expire()).toBe(1);
    expect(operations.get(quick.id)).toBeUndefined();
    expect(operations.get(slow.id)).toMatchObject({ done: true, body: bytes('ended') });
    t.clock.ms += 1000;
    expect(operations.expire()).toBe(1);
    expect(operations.get(slow.id)).toBeUndefined();
    expect(operations.unfinished().map((row) => row.id)).toEqual([endless.id]);
  });

  it('expires a bounded number at once, and young ones not at all', () => {
    using t = temporaryStore({ keepDoneMs: 1000 });
    t.store.tx(() => {
      for (let i = 0; i < 1200; i += 1)
        t.store.operations.put(operation({ id: `old-${String(i).padStart(5, '0')}`.padStart(36, '0'), time: t.clock.ms, done: true }));
    });
    t.clock.ms += 2000;
    t.store.operations.put(operation({ time: t.clock.ms, done: true }));
    expect([1, 2, 3, 4].map(() => t.store.operations.expire())).toEqual([512, 512, 176, 0]);
  });
});

describe('RequestTable and OperationTable', () => {
  it('remove what is old by themselves', () => {
    using t = temporaryStore({ keepDoneMs: 1000 });
    const { requests, operations } = t.store;
    const put = (i: number): void => {
      const id = `00000000-0000-7000-8000-${String(i).padStart(12, '0')}`;
      requests.put(id, { digest: 'd', kind: 'k', result: 'r' });
      operations.put({ id, target: 't', targetUid: 'u', verb: 'v', time: t.clock.ms, done: true, body: bytes('x') });
      t.clock.ms += 20;
    };
    t.store.tx(() => {
      for (let i = 0; i < 500; i += 1) put(i);
    });
    const held = operations.list({ limit: 1000, includeDone: true });
    expect(held.length).toBeLessThan(50 + 64);
    expect(requests.get(held.at(-1)?.id ?? '')).toBeDefined();
    expect(requests.get('00000000-0000-7000-8000-000000000000')).toBeUndefined();
  });
});

describe('RequestTable', () => {
  it('answers what was put until it expires', () => {
    using t = temporaryStore({ keepDoneMs: 1000 });
    const { requests } = t.store;
    const row = { digest: 'd', kind: 'operation', result: 'r' };
    requests.put('one', row);
    t.clock.ms += 600;
    requests.put('two', row);
    expect(requests.get('one')).toEqual(row);
    t.clock.ms += 600;
    expect(requests.expire()).toBe(1);
    expect([requests.get('one'), requests.get('two')]).toEqual([undefined, row]);
    t.clock.ms += 600;
    expect(requests.expire()).toBe(1);
    expect(requests.expire()).toBe(0);
  });
});

describe('the statements that run often', () => {
  it.each([
    ['SELECT number FROM journal WHERE kind = ? AND number > ? ORDER BY number LIMIT ?', 'journal_by_kind (kind=? AND rowid>?)'],
    ['SELECT min(kind) AS kind FROM journal WHERE kind > ?', 'journal_by_kind (kind>?)'],
    ['SELECT max(number) FROM journal', 'SEARCH journal'],
    ['DELETE FROM journal WHERE kind = ? AND number <= ?', 'journal_by_kind (kind=? AND rowid<?)'],
    ['SELECT body FROM operations WHERE done_time IS NULL ORDER BY id', 'operations_unfinished'],
    [
      'SELECT body FROM operations WHERE (target = ?1 OR target_uid = ?1) AND id < ?2 ORDER BY id DESC LIMIT ?3',
      'operations_by_target_uid',
    ],
    ['SELECT body FROM operations WHERE id < ? ORDER BY id DESC LIMIT ?', 'sqlite_autoindex_operations_1 (id<?)'],
  ])('%s uses %s', (sql, plan) => {
    using t = temporaryStore();
    t.store.close();
    const connection = new Connection(t.path);
    const details = connection
      .prepare<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map((row) => row.detail);
    connection.close();
    expect(details.join('; ')).toContain(plan);
  });
});

import type { fdatasync } from 'node:fs';
import { Fault } from '@virtmesh/base';
import { describe, expect, it } from 'vitest';
import { Connection } from './connection.ts';
import { temporaryDirectory } from './testing/temporary-directory.ts';
import { bytes, temporaryStore } from './testing/temporary-store.ts';
import { WalSync } from './wal-sync.ts';

type Done = (error: NodeJS.ErrnoException | null) => void;

/** Syncs that end when the test says so. */
function heldSyncs(): { readonly sync: typeof fdatasync; readonly pending: Done[]; readonly count: () => number } {
  const pending: Done[] = [];
  let count = 0;
  const sync = ((_fd: number, done: Done) => {
    count += 1;
    pending.push(done);
  }) as typeof fdatasync;
  return { sync, pending, count: () => count };
}

interface Bench extends Disposable {
  readonly walSync: WalSync;
  readonly syncs: ReturnType<typeof heldSyncs>;
  readonly faults: Fault[];
  readonly connection: Connection;
  commit(): void;
}

function bench(checkpointPages = 1000): Bench {
  const directory = temporaryDirectory();
  const connection = new Connection(directory.file('x.db'));
  connection.exec(
    'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (body BLOB)',
  );
  const syncs = heldSyncs();
  const faults: Fault[] = [];
  const walSync = new WalSync(connection, { checkpointPages, onFault: (fault) => faults.push(fault), sync: syncs.sync });
  const insert = connection.prepare('INSERT INTO t VALUES (zeroblob(3000))');
  return {
    walSync,
    syncs,
    faults,
    connection,
    commit: () => {
      insert.run();
      walSync.committed();
    },
    [Symbol.dispose]: () => {
      walSync.close();
      connection.close();
      for (const done of syncs.pending) done(null);
      directory[Symbol.dispose]();
    },
  };
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 2; i += 1) await new Promise((resolve) => setImmediate(resolve));
};

const settled = async (promise: Promise<unknown>): Promise<boolean> => {
  let is = false;
  promise.then(
    () => (is = true),
    () => (is = true),
  );
  await new Promise((resolve) => setImmediate(resolve));
  return is;
};

describe('WalSync', () => {
  it('resolves at once where nothing was committed', async () => {
    using b = bench();
    await b.walSync.durable();
    expect(b.syncs.count()).toBe(0);
  });

  it('gives callers that come while a sync runs the next one, which they share', async () => {
    using b = bench();
    b.commit();
    const first = b.walSync.durable();
    b.commit();
    const second = b.walSync.durable();
    b.commit();
    const third = b.walSync.durable();
    expect(b.syncs.count()).toBe(1);
    b.syncs.pending.shift()?.(null);
    await first;
    expect([await settled(second), await settled(third)]).toEqual([false, false]);
    expect(b.syncs.count()).toBe(2);
    b.syncs.pending.shift()?.(null);
    await Promise.all([second, third]);
    await b.walSync.durable();
    expect(b.syncs.count()).toBe(2);
  });

  it('fails for good once a sync has failed', async () => {
    using b = bench();
    b.commit();
    const first = b.walSync.durable();
    const second = b.walSync.durable();
    b.syncs.pending.shift()?.(Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' }));
    for (const call of [first, second, b.walSync.durable()])
      await expect(call).rejects.toMatchObject({ reason: 'RECORD_CORRUPT', message: expect.stringContaining('EIO') });
    b.commit();
    await expect(b.walSync.durable()).rejects.toMatchObject({ reason: 'RECORD_CORRUPT' });
    expect(b.syncs.count()).toBe(1);
  });

  it('closes while a sync runs, and what waited for the next one is durable by the close', async () => {
    using b = bench();
    b.commit();
    const first = b.walSync.durable();
    b.commit();
    const second = b.walSync.durable();
    b.walSync.close();
    b.connection.close();
    b.syncs.pending.shift()?.(null);
    await Promise.all([first, second, b.walSync.durable()]);
    expect(b.syncs.count()).toBe(1);
  });

  it('writes the WAL back after a sync that nobody asked for, and at once where the event loop does not come round', async () => {
    using b = bench(100);
    const log = (): unknown => b.connection.prepare('PRAGMA wal_checkpoint(NOOP)').get();
    for (let i = 0; i < 128; i += 1) b.commit();
    expect(b.syncs.count()).toBe(1);
    b.syncs.pending.shift()?.(null);
    await turns();
    b.commit();
    // Restarted, so that it holds the last commit alone.
    expect(Object.values(log() as object)[1]).toBeLessThan(10);
    for (let i = 0; i < 2000; i += 1) b.commit();
    expect(Object.values(log() as object)[1]).toBeLessThan(1000);
  });

  it('tells of a checkpoint that failed, and loses nothing', async () => {
    using b = bench(100);
    for (let i = 0; i < 128; i += 1) b.commit();
    // SQLite refuses to write back inside of a transaction that has written.
    b.connection.exec('BEGIN IMMEDIATE; INSERT INTO t VALUES (1)');
    b.syncs.pending.shift()?.(null);
    await turns();
    b.connection.exec('COMMIT');
    expect(b.faults).toHaveLength(1);
    expect(b.faults[0]).toBeInstanceOf(Fault);
    expect(b.connection.prepare('SELECT count(*) AS rows FROM t').get()).toEqual({ rows: 129 });
  });
});

describe('durable', () => {
  it('is refused inside a transaction', async () => {
    using t = temporaryStore();
    await t.store
      .tx(() => {
        const promise = t.store.durable();
        return { promise };
      })
      .promise.then(
        () => expect.unreachable(),
        (thrown: unknown) => expect(thrown).toMatchObject({ reason: 'INTERNAL_BUG' }),
      );
  });

  it('resolves for many callers, and after a close', async () => {
    using t = temporaryStore();
    const calls = Array.from({ length: 50 }, (_, i) => {
      t.store.runtimes.put(`u${i}`, i);
      return t.store.durable();
    });
    await Promise.all(calls);
    t.store.journal.append('domain', 'u', () => bytes('x'));
    const last = t.store.durable();
    t.store.close();
    await last;
    await t.store.durable();
  });
});

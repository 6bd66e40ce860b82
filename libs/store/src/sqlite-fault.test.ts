import { describe, expect, it } from 'vitest';
import { Connection } from './connection.ts';
import { sqliteFault } from './sqlite-fault.ts';
import { temporaryDirectory } from './testing/temporary-directory.ts';
import { Transactions } from './transactions.ts';

describe('sqliteFault', () => {
  it('says that the disk is full, and the transaction is rolled back', () => {
    using directory = temporaryDirectory();
    const path = directory.file('x.db');
    const connection = new Connection(path);
    connection.exec('CREATE TABLE t (body BLOB); PRAGMA max_page_count = 20');
    const transactions = new Transactions(connection, () => undefined);
    const insert = connection.prepare('INSERT INTO t VALUES (zeroblob(?))');
    transactions.run(() => insert.run(1000));
    expect(() =>
      transactions.run(() => {
        insert.run(1000);
        insert.run(500_000);
      }),
    ).toThrow(
      expect.objectContaining({
        reason: 'DISK_EXHAUSTED',
        message: expect.stringContaining(path),
        metadata: { path, why: 'database or disk is full' },
      }),
    );
    expect(connection.inTransaction).toBe(false);
    transactions.run(() => insert.run(1000));
    expect(connection.prepare('SELECT count(*) AS rows FROM t').get()).toEqual({ rows: 2 });
    connection.close();
  });

  it.each([
    [5, 'RESOURCE_IN_USE'],
    [8, 'HOST_INCOMPATIBLE'],
    [10, 'RECORD_CORRUPT'],
    [1034, 'RECORD_CORRUPT'],
    [11, 'RECORD_CORRUPT'],
    [14, 'HOST_INCOMPATIBLE'],
    [26, 'RECORD_CORRUPT'],
    [2067, 'INTERNAL_BUG'],
  ])('gives the result code %i the reason %s, and keeps the words of SQLite', (errcode, reason) => {
    const thrown = Object.assign(new Error('the words of SQLite'), { code: 'ERR_SQLITE_ERROR', errcode, errstr: '' });
    const fault = sqliteFault(thrown, '/store');
    expect(fault).toMatchObject({ reason, metadata: { path: '/store' } });
    expect(fault.message).toContain('/store');
    expect(fault.cause).toBe(thrown);
  });
});

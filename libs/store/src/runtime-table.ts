import { Fault } from '@virtmesh/base';
import type { Connection, Query } from './connection.ts';
import { corruptStore } from './sqlite-fault.ts';

/** What is known of one running guest. */
export interface RuntimeRow {
  readonly uid: string;
  readonly record: unknown;
  /** Why the record cannot be read, where it cannot: the others can. */
  readonly fault?: Fault;
}

interface StoredRow {
  readonly uid: string;
  readonly record: string;
}

/** Runtime records, as JSON: what a driver needs to find its guest again. They survive any kill, and need not survive a power cut. */
export class RuntimeTable {
  readonly #connection: Connection;
  readonly #put: Query;
  readonly #get: Query<StoredRow>;
  readonly #delete: Query;
  readonly #all: Query<StoredRow>;
  readonly #write: <T>(work: () => T) => T;

  constructor(connection: Connection, write: <T>(work: () => T) => T) {
    this.#connection = connection;
    this.#write = write;
    this.#put = connection.prepare(
      'INSERT INTO runtimes (uid, record) VALUES (?, ?) ON CONFLICT (uid) DO UPDATE SET record = excluded.record',
    );
    this.#get = connection.prepare('SELECT uid, record FROM runtimes WHERE uid = ?');
    this.#delete = connection.prepare('DELETE FROM runtimes WHERE uid = ?');
    this.#all = connection.prepare('SELECT uid, record FROM runtimes ORDER BY uid');
  }

  /** `record` is anything that JSON can hold; a bigint, for one, it cannot. */
  put(uid: string, record: unknown): void {
    this.#write(() => this.#put.run(uid, JSON.stringify(record)));
  }

  get(uid: string): unknown {
    const row = this.#get.get(uid);
    return row === undefined ? undefined : this.#decode(row);
  }

  /** Absent is success. */
  delete(uid: string): void {
    this.#write(() => this.#delete.run(uid));
  }

  all(): RuntimeRow[] {
    return this.#all.all().map((row) => {
      try {
        return { uid: row.uid, record: this.#decode(row) };
      } catch (thrown) {
        return { uid: row.uid, record: undefined, fault: Fault.from(thrown) };
      }
    });
  }

  #decode(row: StoredRow): unknown {
    try {
      return JSON.parse(row.record);
    } catch (thrown) {
      throw corruptStore(this.#connection.path, `the runtime record of ${row.uid} is not JSON`, thrown);
    }
  }
}

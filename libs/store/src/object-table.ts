import { Fault, type Reason } from '@virtmesh/base';
import type { Connection, Query } from './connection.ts';
import { isUniqueViolation } from './sqlite-fault.ts';

/** One object's definition and desired state, as its owner encoded them. */
export interface ObjectRow {
  readonly uid: string;
  readonly name: string;
  readonly revision: bigint;
  readonly body: Uint8Array;
}

/** Rows read at once by `all`, so that a large table does not stand in memory twice. */
const pageRows = 256;

/** Objects of one kind by uid and, uniquely, by name. */
export class ObjectTable {
  readonly #exists: Reason;
  readonly #put: Query;
  readonly #get: Query<ObjectRow>;
  readonly #byName: Query<ObjectRow>;
  readonly #delete: Query;
  readonly #page: Query<ObjectRow>;
  readonly #write: <T>(work: () => T) => T;

  /** `exists` is the reason given where another object has the name. */
  constructor(connection: Connection, write: <T>(work: () => T) => T, table: 'domains', exists: Reason) {
    const columns = 'uid, name, revision, body';
    const options = { readBigInts: true };
    this.#exists = exists;
    this.#write = write;
    this.#put = connection.prepare(
      `INSERT INTO ${table} (${columns}) VALUES (?, ?, ?, ?) ON CONFLICT (uid) DO UPDATE SET name = excluded.name, revision = excluded.revision, body = excluded.body`,
    );
    this.#get = connection.prepare(`SELECT ${columns} FROM ${table} WHERE uid = ?`, options);
    this.#byName = connection.prepare(`SELECT ${columns} FROM ${table} WHERE name = ?`, options);
    this.#delete = connection.prepare(`DELETE FROM ${table} WHERE uid = ?`);
    this.#page = connection.prepare(`SELECT ${columns} FROM ${table} WHERE uid > ? ORDER BY uid LIMIT ${pageRows}`, options);
  }

  /** Writes a row, in place of the one with its uid. Refused where another uid has the name. */
  put(row: { readonly uid: string; readonly name: string; readonly revision: bigint | number; readonly body: Uint8Array }): void {
    try {
      this.#write(() => this.#put.run(row.uid, row.name, row.revision, row.body));
    } catch (thrown) {
      if (!isUniqueViolation(thrown)) throw thrown;
      throw new Fault(this.#exists, `the name ${row.name} is taken; choose another`, { name: row.name, uid: row.uid }, { cause: thrown });
    }
  }

  get(uid: string): ObjectRow | undefined {
    return this.#get.get(uid);
  }

  byName(name: string): ObjectRow | undefined {
    return this.#byName.get(name);
  }

  /** Absent is success. */
  delete(uid: string): void {
    this.#write(() => this.#delete.run(uid));
  }

  /** All rows by uid. Rows may be written meanwhile. */
  *all(): IterableIterator<ObjectRow> {
    for (let after = ''; ;) {
      const page = this.#page.all(after);
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < pageRows) return;
      after = last.uid;
    }
  }
}

import { DatabaseSync, type PrepareOptions, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { sqliteFault } from './sqlite-fault.ts';

/** One prepared statement whose rows are of a stated shape and whose errors are faults. */
export class Query<Row = Record<string, SQLOutputValue>> {
  readonly #statement: StatementSync;
  readonly #path: string;

  constructor(statement: StatementSync, path: string) {
    this.#statement = statement;
    this.#path = path;
  }

  get(...values: SQLInputValue[]): Row | undefined {
    try {
      return this.#statement.get(...values) as Row | undefined;
    } catch (thrown) {
      throw sqliteFault(thrown, this.#path);
    }
  }

  all(...values: SQLInputValue[]): Row[] {
    try {
      return this.#statement.all(...values) as Row[];
    } catch (thrown) {
      throw sqliteFault(thrown, this.#path);
    }
  }

  /** The number of rows changed. */
  run(...values: SQLInputValue[]): number {
    try {
      return Number(this.#statement.run(...values).changes);
    } catch (thrown) {
      throw sqliteFault(thrown, this.#path);
    }
  }
}

/** The one connection to the store's file. */
export class Connection {
  readonly path: string;
  readonly #database: DatabaseSync;

  /** Opens without waiting for a lock: whoever holds one keeps it for its life. */
  constructor(path: string) {
    this.path = path;
    try {
      this.#database = new DatabaseSync(path, { timeout: 0 });
    } catch (thrown) {
      throw sqliteFault(thrown, path);
    }
  }

  /** Compiles a statement, once for the connection's life. */
  prepare<Row>(sql: string, options: PrepareOptions = {}): Query<Row> {
    try {
      return new Query<Row>(this.#database.prepare(sql, options), this.path);
    } catch (thrown) {
      throw sqliteFault(thrown, this.path);
    }
  }

  exec(sql: string): void {
    try {
      this.#database.exec(sql);
    } catch (thrown) {
      throw sqliteFault(thrown, this.path);
    }
  }

  /** The first value of the first row of a pragma. */
  pragma(text: string): SQLOutputValue | undefined {
    const row = this.prepare<Record<string, SQLOutputValue>>(`PRAGMA ${text}`).get();
    return row === undefined ? undefined : Object.values(row)[0];
  }

  /** Whether a transaction is open: some errors of SQLite end it by themselves. */
  get inTransaction(): boolean {
    return this.#database.isTransaction;
  }

  /** The database as the bytes of a file. */
  serialize(): Uint8Array {
    return this.#database.serialize();
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }
}

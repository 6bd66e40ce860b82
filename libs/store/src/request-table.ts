import type { Clock } from '@virtmesh/base';
import type { Connection, Query } from './connection.ts';

/** What a call with a request id did. */
export interface RequestRow {
  /** Tells the call's body from another one under the same id. */
  readonly digest: string;
  /** Which rpc, and so how `result` is to be read. */
  readonly kind: string;
  /** An operation's id, or the encoded answer. */
  readonly result: string;
}

/** New rows between two times that old ones are removed, and how many of these at most: more than come in, and few enough not to be felt. */
const putsBetweenExpiries = 64;
const expireBatch = 512;

/** Calls by request id, so that a repeat is answered as the first one was. */
export class RequestTable {
  readonly #clock: Clock;
  readonly #keepMs: number;
  readonly #write: <T>(work: () => T) => T;
  readonly #put: Query;
  readonly #get: Query<RequestRow>;
  readonly #expire: Query;
  #puts = 0;

  constructor(connection: Connection, write: <T>(work: () => T) => T, clock: Clock, keepMs: number) {
    this.#clock = clock;
    this.#keepMs = keepMs;
    this.#write = write;
    this.#put = connection.prepare(
      `INSERT INTO requests (id, time, digest, kind, result) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET time = excluded.time, digest = excluded.digest, kind = excluded.kind, result = excluded.result`,
    );
    this.#get = connection.prepare('SELECT digest, kind, result FROM requests WHERE id = ?');
    // Oldest first by key; a clock that was set back only makes some stay longer.
    this.#expire = connection.prepare(
      `DELETE FROM requests WHERE key IN (SELECT key FROM requests WHERE key < ifnull((SELECT key FROM requests WHERE time >= ?1 ORDER BY key LIMIT 1), 9223372036854775807) ORDER BY key LIMIT ${expireBatch})`,
    );
  }

  get(id: string): RequestRow | undefined {
    return this.#get.get(id);
  }

  /** To be called in the transaction of what the call changed. */
  put(id: string, row: RequestRow): void {
    this.#write(() => {
      this.#put.run(id, this.#clock.now().getTime(), row.digest, row.kind, row.result);
      this.#puts += 1;
      if (this.#puts % putsBetweenExpiries === 0) this.expire();
    });
  }

  /** Removes those that are older than they are kept. A bounded number of them; answers how many. `put` calls it now and then. */
  expire(): number {
    return this.#write(() => this.#expire.run(this.#clock.now().getTime() - this.#keepMs));
  }
}

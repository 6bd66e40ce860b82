import type { Clock } from '@virtmesh/base';
import type { Connection, Query } from './connection.ts';

export interface OperationRow {
  /** A UUID of version 7, so that ids sort by age. */
  readonly id: string;
  readonly target: string;
  readonly targetUid: string;
  readonly verb: string;
  /** When it was accepted, in milliseconds since 1970. */
  readonly time: number;
  readonly done: boolean;
  readonly body: Uint8Array;
}

export interface OperationListOptions {
  /** Only those older than this one. */
  readonly afterId?: string | undefined;
  readonly limit: number;
  /** Only those of this target's name or uid. */
  readonly target?: string | undefined;
  /** Also those that have ended. */
  readonly includeDone: boolean;
}

type StoredRow = Omit<OperationRow, 'done'> & { readonly doneTime: number | null };

const columns = 'id, target, target_uid AS targetUid, verb, time, done_time AS doneTime, body';
/** Sorts after every UUID. */
const afterAll = 'g';
/** New rows between two times that old ones are removed, and how many of these at most: more than come in, and few enough not to be felt. */
const putsBetweenExpiries = 64;
const expireBatch = 512;

const decode = ({ doneTime, ...row }: StoredRow): OperationRow => ({ ...row, done: doneTime !== null });

/** Operations by id, and newest first. */
export class OperationTable {
  readonly #clock: Clock;
  readonly #keepDoneMs: number;
  readonly #write: <T>(work: () => T) => T;
  readonly #put: Query;
  readonly #get: Query<StoredRow>;
  readonly #list: Query<StoredRow>;
  readonly #listOfTarget: Query<StoredRow>;
  readonly #listUnfinished: Query<StoredRow>;
  readonly #unfinished: Query<StoredRow>;
  readonly #firstYoung: Query<{ readonly id: string }>;
  readonly #expire: Query;
  #puts = 0;

  constructor(connection: Connection, write: <T>(work: () => T) => T, clock: Clock, keepDoneMs: number) {
    this.#clock = clock;
    this.#keepDoneMs = keepDoneMs;
    this.#write = write;
    this.#put = connection.prepare(
      `INSERT INTO operations (id, target, target_uid, verb, time, done_time, body) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET done_time = ifnull(done_time, excluded.done_time), body = excluded.body`,
    );
    this.#get = connection.prepare(`SELECT ${columns} FROM operations WHERE id = ?`);
    this.#list = connection.prepare(`SELECT ${columns} FROM operations WHERE id < ? ORDER BY id DESC LIMIT ?`);
    this.#listUnfinished = connection.prepare(
      `SELECT ${columns} FROM operations WHERE done_time IS NULL AND id < ? ORDER BY id DESC LIMIT ?`,
    );
    this.#listOfTarget = connection.prepare(
      `SELECT ${columns} FROM operations WHERE (target = ?1 OR target_uid = ?1) AND id < ?2 AND (done_time IS NULL OR ?4) ORDER BY id DESC LIMIT ?3`,
    );
    this.#unfinished = connection.prepare(`SELECT ${columns} FROM operations WHERE done_time IS NULL ORDER BY id`);
    this.#expire = connection.prepare(
      `DELETE FROM operations WHERE id IN (SELECT id FROM operations WHERE id < ? AND done_time < ? ORDER BY id LIMIT ${expireBatch})`,
    );
    // Found at once: rows stand by age, and the old ones are removed.
    this.#firstYoung = connection.prepare('SELECT id FROM operations WHERE time >= ? ORDER BY id LIMIT 1');
  }

  /** Writes a row, in place of the one with its id; what it acts on stays as first written. One that is done stays done. */
  put(row: OperationRow): void {
    const doneTime = row.done ? this.#clock.now().getTime() : null;
    this.#write(() => {
      this.#put.run(row.id, row.target, row.targetUid, row.verb, row.time, doneTime, row.body);
      this.#puts += 1;
      if (this.#puts % putsBetweenExpiries === 0) this.expire();
    });
  }

  get(id: string): OperationRow | undefined {
    const row = this.#get.get(id);
    return row && decode(row);
  }

  /** One page, newest first. */
  list(options: OperationListOptions): OperationRow[] {
    const { limit, target, includeDone, afterId = afterAll } = options;
    if (target !== undefined) return this.#listOfTarget.all(target, afterId, limit, includeDone ? 1 : 0).map(decode);
    return (includeDone ? this.#list : this.#listUnfinished).all(afterId, limit).map(decode);
  }

  /** Those that have not ended, oldest first: what a new life of the agent takes up. */
  unfinished(): OperationRow[] {
    return this.#unfinished.all().map(decode);
  }

  /** Removes those that ended longer ago than they are kept. A bounded number of them; answers how many. `put` calls it now and then. */
  expire(): number {
    const before = this.#clock.now().getTime() - this.#keepDoneMs;
    return this.#write(() => {
      // None ends before it was accepted, so that the search need not go beyond the first young one.
      const end = this.#firstYoung.get(before)?.id ?? afterAll;
      return this.#expire.run(end, before);
    });
  }
}

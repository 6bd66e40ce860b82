import { Fault } from '@virtmesh/base';
import type { Connection, Query } from './connection.ts';

/** The place of an entry: unique for ever together with the node's uid. */
export interface JournalPosition {
  readonly epoch: string;
  readonly number: number;
}

export interface JournalRow {
  readonly number: number;
  readonly kind: string;
  readonly uid: string;
  readonly body: Uint8Array;
}

export interface JournalLimits {
  /** Entries kept though nobody confirmed them. */
  readonly maxEntries: number;
  /** The newest entries kept though they are confirmed, for watchers that come back. */
  readonly keepEntries: number;
}

/** Appends between two trims, and the entries that one trim removes at most: more than come in, and few enough not to be felt. */
const appendsBetweenTrims = 64;
const trimBatch = 512;

/**
 * Every change on the node, numbered. Numbers grow by one over all kinds, and a rolled back one is given again. Entries are
 * trimmed once their kind's reader has confirmed them, and at a hard cap even before: `trimmedBefore` tells a reader what it missed.
 */
export class Journal {
  readonly #epoch: () => string;
  readonly #limits: JournalLimits;
  readonly #write: <T>(work: () => T) => T;
  readonly #append: Query;
  readonly #readAll: Query<JournalRow>;
  readonly #readKind: Query<JournalRow>;
  readonly #first: Query<{ readonly number: number | null }>;
  readonly #last: Query<{ readonly number: number | null }>;
  readonly #kind: Query<{ readonly confirmed: number; readonly trimmed: number }>;
  readonly #kindAfter: Query<{ readonly kind: string | null }>;
  readonly #trimmedOfAll: Query<{ readonly number: number | null }>;
  readonly #confirm: Query;
  readonly #markTrimmed: Query;
  readonly #trimEnd: Query<{ readonly number: number; readonly count: number }>;
  readonly #trim: Query;

  constructor(connection: Connection, write: <T>(work: () => T) => T, epoch: () => string, limits: JournalLimits) {
    const columns = 'number, kind, uid, body';
    this.#epoch = epoch;
    this.#limits = limits;
    this.#write = write;
    this.#append = connection.prepare(`INSERT INTO journal (${columns}) VALUES (?, ?, ?, ?)`);
    this.#readAll = connection.prepare(`SELECT ${columns} FROM journal WHERE number > ? ORDER BY number LIMIT ?`);
    this.#readKind = connection.prepare(`SELECT ${columns} FROM journal WHERE kind = ? AND number > ? ORDER BY number LIMIT ?`);
    this.#first = connection.prepare('SELECT min(number) AS number FROM journal');
    this.#last = connection.prepare('SELECT max(number) AS number FROM journal');
    this.#kind = connection.prepare('SELECT confirmed, trimmed FROM journal_kinds WHERE kind = ?');
    // Asked once for each kind: SELECT DISTINCT would read the whole index.
    this.#kindAfter = connection.prepare('SELECT min(kind) AS kind FROM journal WHERE kind > ?');
    this.#trimmedOfAll = connection.prepare('SELECT max(trimmed) AS number FROM journal_kinds');
    this.#confirm = connection.prepare(
      'INSERT INTO journal_kinds (kind, confirmed) VALUES (?1, ?2) ON CONFLICT (kind) DO UPDATE SET confirmed = ?2 WHERE confirmed < ?2',
    );
    this.#markTrimmed = connection.prepare(
      'INSERT INTO journal_kinds (kind, trimmed) VALUES (?1, ?2) ON CONFLICT (kind) DO UPDATE SET trimmed = ?2 WHERE trimmed < ?2',
    );
    this.#trimEnd = connection.prepare(
      `SELECT max(number) AS number, count(*) AS count FROM (SELECT number FROM journal WHERE kind = ? AND number <= ? ORDER BY number LIMIT ${trimBatch})`,
    );
    this.#trim = connection.prepare('DELETE FROM journal WHERE kind = ? AND number <= ?');
  }

  /** Adds an entry whose body may name its own position, and returns its number. To be called in the transaction of the change. */
  append(kind: string, uid: string, body: (position: JournalPosition) => Uint8Array): number {
    return this.#write(() => {
      const number = this.last() + 1;
      this.#append.run(number, kind, uid, body({ epoch: this.#epoch(), number }));
      if (number % appendsBetweenTrims === 0) this.trim();
      return number;
    });
  }

  /** The entries after a number, of one kind or of all, oldest first. Whether some are missing there, `trimmedBefore` tells. */
  read(options: { readonly after: number; readonly kind?: string | undefined; readonly limit: number }): JournalRow[] {
    const { after, kind, limit } = options;
    return kind === undefined ? this.#readAll.all(after, limit) : this.#readKind.all(kind, after, limit);
  }

  /** The lowest number that is still there; the next one to be given where there is none. */
  first(): number {
    return this.#first.get()?.number ?? this.last() + 1;
  }

  /** The last number given, 0 if none was. */
  last(): number {
    // The newest entry is never trimmed.
    return this.#last.get()?.number ?? 0;
  }

  /** The lowest number from which on all entries of the kind (or of all kinds) are there; a reader after a position lower than the one before it missed some. */
  trimmedBefore(kind?: string): number {
    const trimmed = kind === undefined ? this.#trimmedOfAll.get()?.number : this.#kind.get(kind)?.trimmed;
    return (trimmed ?? 0) + 1;
  }

  /** The number up to which the kind's reader has passed on what it read; 0 if it never did. */
  confirmed(kind: string): number {
    return this.#kind.get(kind)?.confirmed ?? 0;
  }

  /** Records that all entries of the kind up to a number were passed on. A lower number than before changes nothing. */
  confirm(kind: string, number: number): void {
    const last = this.last();
    if (!Number.isSafeInteger(number) || number < 0 || number > last) {
      const description = `must be a number of the journal, 0 to ${last}`;
      throw new Fault(
        'REQUEST_INVALID',
        `number ${number} is not in the journal; it ${description}`,
        { number: String(number), last: String(last) },
        { violations: [{ field: 'number', description }] },
      );
    }
    this.#write(() => this.#confirm.run(kind, number));
  }

  /**
   * Removes entries that are confirmed and not among the newest, and those beyond the hard cap whether confirmed or not. A
   * bounded number of them; answers how many, so that a caller can go on until it is 0. `append` calls it now and then.
   */
  trim(): number {
    return this.#write(() => {
      const last = this.last();
      const kept = last - this.#limits.keepEntries;
      const capped = last - this.#limits.maxEntries;
      let removed = 0;
      for (const kind of this.#kinds()) removed += this.#trimKind(kind, Math.max(Math.min(kept, this.confirmed(kind)), capped));
      return removed;
    });
  }

  /** The kinds that have entries. */
  *#kinds(): IterableIterator<string> {
    for (let kind = this.#kindAfter.get('')?.kind; kind; kind = this.#kindAfter.get(kind)?.kind) yield kind;
  }

  #trimKind(kind: string, upTo: number): number {
    const end = this.#trimEnd.get(kind, upTo);
    if (end === undefined || end.count === 0) return 0;
    this.#trim.run(kind, end.number);
    this.#markTrimmed.run(kind, end.number);
    return end.count;
  }
}

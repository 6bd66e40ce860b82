import { type Clock, Fault } from '@virtmesh/base';
import { beginEpoch, noteBoot, noteClose } from './boot.ts';
import type { Connection } from './connection.ts';
import { Journal } from './journal.ts';
import { ObjectTable } from './object-table.ts';
import { openFile } from './open-file.ts';
import { OperationTable } from './operation-table.ts';
import { RequestTable } from './request-table.ts';
import { RuntimeTable } from './runtime-table.ts';
import { corruptStore } from './sqlite-fault.ts';
import { type CommitSide, Transactions } from './transactions.ts';
import { WalSync } from './wal-sync.ts';

export interface StoreLimits {
  /** Entries of the journal that are kept though nobody confirmed them; 200,000 if left out. */
  readonly journalMaxEntries?: number | undefined;
  /** The newest entries of the journal that are kept though they are confirmed; 10,000 if left out. */
  readonly journalKeepEntries?: number | undefined;
  /** How long operations that have ended and request ids are kept; 24 hours if left out. */
  readonly keepDoneMs?: number | undefined;
  /** Pages of 4 KiB in the `-wal` file at which it is written back into the database; 2,000 if left out. */
  readonly checkpointPages?: number | undefined;
}

export interface StoreOptions {
  /** The database's file; SQLite keeps a `-wal` file beside it. The directory must exist. */
  readonly path: string;
  readonly clock: Clock;
  readonly limits?: StoreLimits | undefined;
  /** Another one after each boot of the host: by it a power cut is known, after which the journal begins a new epoch. */
  readonly bootId?: string | undefined;
  /** Told of what goes wrong where no caller waits: a checkpoint that failed. Nothing is lost then, but the disk needs a look. */
  readonly onFault?: ((fault: Fault) => void) | undefined;
  /** Called on both sides of every commit: where a test plants the death of the process. It must not throw after one. */
  readonly onCommit?: ((side: CommitSide) => void) | undefined;
}

/**
 * The agent's store: definitions, runtime records, journal, operations and request ids in one SQLite file, changed together
 * in one transaction. A commit survives any death of the process; `durable` makes it survive a power cut too.
 */
export class Store implements Disposable {
  /** Made with the store and kept: the node's identity. */
  readonly nodeUid: string;
  readonly domains: ObjectTable;
  readonly runtimes: RuntimeTable;
  readonly journal: Journal;
  readonly operations: OperationTable;
  readonly requests: RequestTable;
  readonly #connection: Connection;
  readonly #transactions: Transactions;
  readonly #walSync: WalSync;
  #epoch: string;

  /**
   * Opens the store, or makes it where there is no file. Throws RECORD_CORRUPT for a damaged file, RESOURCE_IN_USE where
   * another process has it open, HOST_INCOMPATIBLE where it cannot be written or is of a newer version.
   */
  static open(options: StoreOptions): Store {
    const connection = openFile(options.path);
    try {
      return new Store(connection, options);
    } catch (thrown) {
      connection.close();
      throw thrown;
    }
  }

  private constructor(connection: Connection, options: StoreOptions) {
    const {
      journalMaxEntries = 200_000,
      journalKeepEntries = 10_000,
      keepDoneMs = 24 * 3_600_000,
      checkpointPages = 2000,
    } = options.limits ?? {};
    const write = <T>(work: () => T): T => this.tx(work);
    const meta = connection.prepare<{ value: string }>('SELECT value FROM meta WHERE key = ?');
    const required = (key: string): string => {
      const value = meta.get(key)?.value;
      if (value === undefined) throw corruptStore(connection.path, `it has no ${key}`);
      return value;
    };
    this.#connection = connection;
    if (options.bootId !== undefined) noteBoot(connection, options.bootId);
    this.nodeUid = required('node_uid');
    this.#epoch = required('epoch');
    this.#walSync = new WalSync(connection, { checkpointPages, onFault: options.onFault ?? (() => undefined) });
    this.#transactions = new Transactions(connection, (side) => {
      options.onCommit?.(side);
      if (side === 'after') this.#walSync.committed();
    });
    this.domains = new ObjectTable(connection, write, 'domains', 'DOMAIN_EXISTS');
    this.runtimes = new RuntimeTable(connection, write);
    this.journal = new Journal(connection, write, () => this.#epoch, {
      maxEntries: Math.max(1, journalMaxEntries),
      keepEntries: Math.max(1, journalKeepEntries),
    });
    this.operations = new OperationTable(connection, write, options.clock, keepDoneMs);
    this.requests = new RequestTable(connection, write, options.clock, keepDoneMs);
  }

  /** The journal's numbers are of this epoch. Made with the store, and anew where the end of the journal was lost: by a power cut, or by `beginEpoch`. */
  get epoch(): string {
    return this.#epoch;
  }

  /**
   * Begins a new epoch of the journal, for a store that turns out to be an older copy of itself: it would give numbers of
   * the old epoch a second time. What is left of that one counts as trimmed, and numbers go on. Not to be called in a transaction.
   */
  beginEpoch(): void {
    const epoch = this.tx(() => beginEpoch(this.#connection));
    this.#epoch = epoch;
  }

  /** One transaction. An inner one joins the outer one; a throw, also one that is caught on the way out, rolls back all. Synchronous. */
  tx<T>(work: () => T): T {
    return this.#transactions.run(work);
  }

  /** Runs `work` after the present transaction has committed, or at once outside of one; drops it where it is rolled back. It must not throw. */
  afterCommit(work: () => void): void {
    this.#transactions.afterCommit(work);
  }

  /** Resolves when all that is committed so far is on the disk. Rejects for good once the disk has failed. Not to be called in a transaction. */
  durable(): Promise<void> {
    if (this.#transactions.active)
      return Promise.reject(new Fault('INTERNAL_BUG', 'internal fault: durable() was called inside a transaction of the store'));
    return this.#walSync.durable();
  }

  /** Writes all to the disk and closes. Later calls answer SHUTTING_DOWN. */
  close(): void {
    this.#noteClose();
    this.#walSync.close();
    this.#connection.close();
  }

  #noteClose(): void {
    try {
      noteClose(this.#connection);
    } catch {
      // Closed already, or the disk is full: the next boot's epoch is then a new one without need.
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

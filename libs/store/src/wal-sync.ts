import { closeSync, fdatasync, fdatasyncSync, openSync } from 'node:fs';
import { Fault } from '@virtmesh/base';
import type { Connection, Query } from './connection.ts';

/** How many times `checkpointPages` the WAL may grow to where the event loop does not come round to a sync. */
const atOnceFactor = 4;
/** After how many commits the WAL's length is looked at. */
const commitsBetweenLooks = 64;

export interface WalSyncOptions {
  /** Pages of the WAL (4 KiB each) at which it is written back into the database. */
  readonly checkpointPages: number;
  /** Told of a checkpoint that failed. */
  readonly onFault: (fault: Fault) => void;
  /** How a file is synced; another one in tests. */
  readonly sync?: typeof fdatasync;
}

interface CheckpointRow {
  readonly busy: number;
  readonly log: number;
  readonly checkpointed: number;
}

/**
 * Makes commits durable in groups, off the event loop.
 *
 * With `synchronous = NORMAL` a commit is a write to the WAL that SQLite does not sync, so a kill of the process loses
 * nothing and a power cut may lose the last commits. One fdatasync of the WAL makes all of them durable. Why that is enough:
 * - Until a checkpoint, a commit is in the WAL alone. SQLite synced the WAL's header, and with it the directory, when it
 *   wrote the first frame after making or restarting the WAL.
 * - A checkpoint syncs the WAL before it touches the database, and the database before the WAL may be restarted (its frames
 *   overwritten). So a commit that is no longer in the WAL is in the synced database.
 * - The WAL is the same file (inode) for the connection's life: a restart overwrites it in place, and only the close of
 *   the connection removes it, after a checkpoint.
 *
 * A file descriptor of our own on the WAL is harmless. Closing one drops the POSIX locks that the process holds on that
 * file, but SQLite never locks the WAL: its locks are on the database file, which nothing else in this process may open.
 */
export class WalSync {
  readonly #fd: number;
  readonly #path: string;
  readonly #options: WalSyncOptions;
  readonly #look: Query<CheckpointRow>;
  readonly #checkpoint: Query<CheckpointRow>;
  #committed = 0;
  #synced = 0;
  #running: Promise<void> | undefined;
  #following: Promise<void> | undefined;
  #checkpointDue = false;
  #closed = false;
  /** After a failed sync the kernel forgets which pages were not written: a later success would prove nothing. */
  #broken: Fault | undefined;

  constructor(connection: Connection, options: WalSyncOptions) {
    this.#path = connection.path;
    this.#options = options;
    this.#look = connection.prepare('PRAGMA wal_checkpoint(NOOP)');
    this.#checkpoint = connection.prepare('PRAGMA wal_checkpoint(PASSIVE)');
    this.#fd = openSync(`${connection.path}-wal`, 'r');
  }

  /** To be called after each commit. */
  committed(): void {
    this.#committed += 1;
    if (this.#committed % commitsBetweenLooks !== 0) return;
    const pages = this.#look.get()?.log ?? 0;
    const { checkpointPages } = this.#options;
    if (pages >= atOnceFactor * checkpointPages) this.#writeBack();
    else if (pages >= checkpointPages && !this.#checkpointDue) {
      this.#checkpointDue = true;
      // A failure is kept, and told to whoever asks for durability.
      this.durable().catch(() => undefined);
    }
  }

  /** Resolves when all commits so far are on the disk. Callers that come while a sync runs share the next one. */
  durable(): Promise<void> {
    if (this.#broken) return Promise.reject(this.#broken);
    if (this.#synced === this.#committed) return Promise.resolve();
    if (this.#running === undefined) return this.#start();
    this.#following ??= this.#running.then(
      () => this.#start(),
      () => this.#start(),
    );
    return this.#following;
  }

  /** Makes all commits durable and gives the file up; to be called before the connection is closed. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      if (this.#broken === undefined && this.#synced < this.#committed) fdatasyncSync(this.#fd);
      this.#synced = this.#committed;
    } catch (thrown) {
      this.#broken = this.#failed(thrown);
    }
    // A sync under way still uses the descriptor, whose number could be given to another file.
    if (this.#running === undefined) closeSync(this.#fd);
  }

  #start(): Promise<void> {
    this.#following = undefined;
    if (this.#broken) return Promise.reject(this.#broken);
    if (this.#closed) return Promise.resolve();
    const upTo = this.#committed;
    this.#running = this.#sync()
      .then(() => {
        this.#synced = Math.max(this.#synced, upTo);
      })
      .finally(() => {
        this.#running = undefined;
        if (this.#closed) closeSync(this.#fd);
        // After those who waited for the sync have gone on.
        else if (this.#checkpointDue && this.#broken === undefined) setImmediate(() => this.#writeBack());
      });
    return this.#running;
  }

  #sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      (this.#options.sync ?? fdatasync)(this.#fd, (error) => {
        if (error === null) return resolve();
        this.#broken = this.#failed(error);
        reject(this.#broken);
      });
    });
  }

  #failed(thrown: unknown): Fault {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    const message = `the store ${this.#path} could not be written to its disk: ${why}; check the disk and the kernel's log, then restart`;
    return new Fault('RECORD_CORRUPT', message, { path: this.#path, why }, { cause: thrown });
  }

  /** Writes the WAL back into the database. Just after a sync of the WAL only the database is left to sync. */
  #writeBack(): void {
    this.#checkpointDue = false;
    if (this.#closed) return;
    try {
      this.#checkpoint.get();
    } catch (thrown) {
      // Nothing is lost: the commits stay in the WAL, and the next look tries again.
      this.#options.onFault(Fault.from(thrown));
    }
  }
}

import { Fault } from '@virtmesh/base';
import type { Connection, Query } from './connection.ts';

/** Just before a commit, which a throw still prevents, or just after it. */
export type CommitSide = 'before' | 'after';

/** Transactions on the one connection: an inner one joins the outer one, and the outermost commits or rolls back all. */
export class Transactions {
  readonly #connection: Connection;
  readonly #begin: Query;
  readonly #commit: Query;
  readonly #rollback: Query;
  readonly #onCommit: (side: CommitSide) => void;
  #depth = 0;
  /** What an inner transaction threw: the outer one must then not commit, even if someone caught it in between. */
  #failure: { readonly thrown: unknown } | undefined;
  #hooks: (() => void)[] = [];

  /** `onCommit` is called on both sides of each commit, before the hooks. */
  constructor(connection: Connection, onCommit: (side: CommitSide) => void) {
    this.#connection = connection;
    this.#onCommit = onCommit;
    this.#begin = connection.prepare('BEGIN IMMEDIATE');
    this.#commit = connection.prepare('COMMIT');
    this.#rollback = connection.prepare('ROLLBACK');
  }

  get active(): boolean {
    return this.#depth > 0;
  }

  run<T>(work: () => T): T {
    return this.#depth > 0 ? this.#join(work) : this.#runOutermost(work);
  }

  afterCommit(work: () => void): void {
    if (this.active) this.#hooks.push(work);
    else work();
  }

  #join<T>(work: () => T): T {
    try {
      return this.#nested(work);
    } catch (thrown) {
      this.#failure ??= { thrown };
      throw thrown;
    }
  }

  #runOutermost<T>(work: () => T): T {
    this.#begin.run();
    let result: T;
    try {
      result = this.#nested(work);
      if (this.#failure) throw this.#failure.thrown;
      this.#onCommit('before');
      this.#commit.run();
    } catch (thrown) {
      // A full disk, for one, makes SQLite roll back by itself.
      if (this.#connection.inTransaction) this.#rollback.run();
      this.#hooks = [];
      throw thrown;
    } finally {
      this.#failure = undefined;
    }
    this.#onCommit('after');
    this.#runHooks();
    return result;
  }

  #nested<T>(work: () => T): T {
    this.#depth += 1;
    try {
      const result = work();
      if (result instanceof Promise) {
        result.catch(() => undefined);
        throw new Fault('INTERNAL_BUG', 'internal fault: a transaction of the store was given asynchronous work');
      }
      return result;
    } finally {
      this.#depth -= 1;
    }
  }

  #runHooks(): void {
    const hooks = this.#hooks;
    this.#hooks = [];
    for (const hook of hooks) {
      try {
        hook();
      } catch (thrown) {
        // It is committed: a throw from here would tell the caller that it is not.
        queueMicrotask(() => {
          throw thrown;
        });
      }
    }
  }
}

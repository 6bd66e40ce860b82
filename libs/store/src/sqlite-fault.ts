import { Fault } from '@virtmesh/base';

/** SQLite's primary result codes that have an answer of their own: https://sqlite.org/rescode.html */
const Sqlite = { BUSY: 5, READONLY: 8, IOERR: 10, CORRUPT: 11, FULL: 13, CANTOPEN: 14, NOTADB: 26 } as const;
/** SQLITE_CONSTRAINT_UNIQUE, an extended code. */
const constraintUnique = 2067;

interface SqliteError extends Error {
  readonly code: 'ERR_SQLITE_ERROR';
  readonly errcode: number;
  readonly errstr: string;
}

function isSqliteError(thrown: unknown): thrown is SqliteError {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_SQLITE_ERROR' && 'errcode' in thrown;
}

/** Whether a statement failed because a value that must be unique is there already. */
export function isUniqueViolation(thrown: unknown): boolean {
  return thrown instanceof Fault && isSqliteError(thrown.cause) && thrown.cause.errcode === constraintUnique;
}

/** The fault for a store whose bytes cannot be understood. It is never made anew by itself: that would forget every definition of the node. */
export function corruptStore(path: string, why: string, cause?: unknown): Fault {
  return new Fault(
    'RECORD_CORRUPT',
    `the store ${path} cannot be read: ${why}; restore it, with its -wal file, from a backup, or move both away to begin with an empty store (domains must then be defined anew; running guests are not touched)`,
    { path, why },
    { cause },
  );
}

/** What node:sqlite threw, as a fault that names the store's file. */
export function sqliteFault(thrown: unknown, path: string): Fault {
  if (thrown instanceof Fault) return thrown;
  if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_INVALID_STATE') {
    return new Fault('SHUTTING_DOWN', `the store ${path} is closed`, { path }, { cause: thrown });
  }
  if (!isSqliteError(thrown)) return Fault.from(thrown);
  const why = thrown.message;
  const options = { cause: thrown };
  // The low byte is the primary code, the rest says more.
  switch (thrown.errcode & 0xff) {
    case Sqlite.CORRUPT:
    case Sqlite.NOTADB:
      return corruptStore(path, why, thrown);
    case Sqlite.IOERR:
      return new Fault(
        'RECORD_CORRUPT',
        `the store ${path} failed on its disk: ${why}; check the disk and the kernel's log, then restart`,
        { path, why },
        options,
      );
    case Sqlite.FULL:
      return new Fault(
        'DISK_EXHAUSTED',
        `the store ${path} cannot grow: its file system is full; free space and retry`,
        { path, why },
        options,
      );
    case Sqlite.BUSY:
      return new Fault(
        'RESOURCE_IN_USE',
        `the store ${path} is in use by another process; stop it first, or give this one a store of its own`,
        { path },
        options,
      );
    case Sqlite.READONLY:
    case Sqlite.CANTOPEN:
      return new Fault(
        'HOST_INCOMPATIBLE',
        `the store ${path} cannot be opened for writing: ${why}; check that its directory exists and that this user may write there`,
        { path, why },
        options,
      );
    default:
      return new Fault('INTERNAL_BUG', `internal fault: the store ${path}: ${why}`, { path, why }, options);
  }
}

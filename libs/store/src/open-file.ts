import { closeSync, existsSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Fault } from '@virtmesh/base';
import { Connection } from './connection.ts';
import { applicationId, migrate, schemaVersion } from './schema.ts';
import { corruptStore } from './sqlite-fault.ts';

/** Opens the store's file for this process alone, makes it if there is none, and brings it to the present version. */
export function openFile(path: string): Connection {
  if (!existsSync(path)) createFile(path);
  else if (statSync(path).size === 0) throw corruptStore(path, 'the file is empty');
  const connection = new Connection(path);
  try {
    takeOver(connection);
    return connection;
  } catch (thrown) {
    // Read before the close, which drops the lock that another connection of this process may hold.
    const fault = Fault.is(thrown, 'RESOURCE_IN_USE') ? named(thrown, path) : thrown;
    connection.close();
    throw fault;
  }
}

/**
 * A new store appears under its name whole or not at all, so that an empty or half-written file is always damage and never
 * a first start that was killed.
 */
function createFile(path: string): void {
  if (existsSync(`${path}-wal`)) throw corruptStore(path, 'the file is missing, but its -wal file is there');
  const newPath = `${path}.new-${process.pid}`;
  try {
    writeFileSync(newPath, emptyStore(), { mode: 0o600, flush: true });
    try {
      // Unlike a rename, a link does not replace what another process made meanwhile.
      linkSync(newPath, path);
    } finally {
      rmSync(newPath);
    }
  } catch (thrown) {
    if (!isCode(thrown, 'EEXIST')) throw notMade(path, thrown);
  }
  syncDirectory(path);
}

function emptyStore(): Uint8Array {
  const memory = new Connection(':memory:');
  try {
    migrate(memory, 0);
    return memory.serialize();
  } finally {
    memory.close();
  }
}

function notMade(path: string, thrown: unknown): Fault {
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  if (isCode(thrown, 'ENOSPC') || isCode(thrown, 'EDQUOT')) {
    return new Fault('DISK_EXHAUSTED', `the store ${path} cannot be made: ${why}; free space and retry`, { path, why }, { cause: thrown });
  }
  return new Fault(
    'HOST_INCOMPATIBLE',
    `the store ${path} cannot be made: ${why}; make its directory and let this user write there`,
    { path, why },
    { cause: thrown },
  );
}

function takeOver(connection: Connection): void {
  const { path } = connection;
  // Before the first read: SQLite then takes one lock on the file and keeps it until it is closed or the process dies,
  // however it dies. A second agent on the store is refused, and no stale lock is ever left.
  connection.exec('PRAGMA locking_mode = EXCLUSIVE');
  const version = Number(connection.pragma('user_version'));
  if (connection.pragma('application_id') !== applicationId || version === 0)
    throw corruptStore(path, 'it is a SQLite database, but not a store of virtmesh');
  if (version > schemaVersion) {
    throw new Fault(
      'HOST_INCOMPATIBLE',
      `the store ${path} has version ${version}, written by a newer virtmesh; this one reads up to version ${schemaVersion}: install the newer release again`,
      { path, version: String(version), supported: String(schemaVersion) },
    );
  }
  connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0');
  if (version < schemaVersion) {
    connection.exec('BEGIN IMMEDIATE');
    migrate(connection, version);
    connection.exec('COMMIT');
  }
  checkTables(connection);
  syncDirectory(path);
}

/** What an agent cannot begin without is looked over now (about 3 ms for 1,000 domains); damage elsewhere shows when it is read. */
function checkTables(connection: Connection): void {
  for (const table of ['meta', 'domains', 'runtimes']) {
    const check = connection.pragma(`quick_check(${table})`);
    if (check !== 'ok') throw corruptStore(connection.path, String(check));
  }
}

function syncDirectory(path: string): void {
  const fd = openSync(dirname(path), 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The fault of a store in use, with the process that uses it where the kernel tells. */
function named(fault: Fault, path: string): Fault {
  const inode = String(statSync(path).ino);
  // Such as `1: POSIX  ADVISORY  WRITE 4711 fe:00:1234 1073741824 1073742335`.
  const holder = readFileSync('/proc/locks', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .find((fields) => fields[1] === 'POSIX' && fields[5]?.split(':')[2] === inode)?.[4];
  if (holder === undefined) return fault;
  return new Fault(
    'RESOURCE_IN_USE',
    `the store ${path} is in use by process ${holder}; stop it first, or give this one a store of its own`,
    { path, pid: holder },
    { cause: fault },
  );
}

const isCode = (thrown: unknown, code: string): boolean => thrown instanceof Error && 'code' in thrown && thrown.code === code;

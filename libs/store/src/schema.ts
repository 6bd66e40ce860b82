import { randomBytes, randomUUID } from 'node:crypto';
import type { Connection } from './connection.ts';

/** Marks a SQLite file as a store of ours ("vmsh"). */
export const applicationId = 0x766d7368;

/** Brings the schema from one version to the next. Steps are never changed once released: stores in the field have run them. */
type Migration = (connection: Connection) => void;

const version1: Migration = (connection) => {
  connection.exec(`
    PRAGMA application_id = ${applicationId};

    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

    CREATE TABLE domains (
      uid TEXT PRIMARY KEY,
      name TEXT NOT NULL UNIQUE,
      revision INTEGER NOT NULL,
      body BLOB NOT NULL
    ) STRICT;

    CREATE TABLE runtimes (uid TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;

    CREATE TABLE journal (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, uid TEXT NOT NULL, body BLOB NOT NULL) STRICT;
    -- The row id, which is the number, is the last column of every index.
    CREATE INDEX journal_by_kind ON journal (kind);
    -- What is known of a kind: the number up to which it was relayed, and the highest number that was trimmed.
    CREATE TABLE journal_kinds (
      kind TEXT PRIMARY KEY,
      confirmed INTEGER NOT NULL DEFAULT 0,
      trimmed INTEGER NOT NULL DEFAULT 0
    ) STRICT, WITHOUT ROWID;

    -- Ids are UUIDs of version 7: they sort by age, and so do the row ids, which makes inserts cheap.
    CREATE TABLE operations (
      id TEXT PRIMARY KEY,
      target TEXT NOT NULL,
      target_uid TEXT NOT NULL,
      verb TEXT NOT NULL,
      time INTEGER NOT NULL,
      done_time INTEGER,
      body BLOB NOT NULL
    ) STRICT;
    CREATE INDEX operations_by_target ON operations (target);
    CREATE INDEX operations_by_target_uid ON operations (target_uid);
    CREATE INDEX operations_unfinished ON operations (id) WHERE done_time IS NULL;

    CREATE TABLE requests (
      key INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      time INTEGER NOT NULL,
      digest TEXT NOT NULL,
      kind TEXT NOT NULL,
      result TEXT NOT NULL
    ) STRICT;
  `);
  const meta = connection.prepare('INSERT INTO meta (key, value) VALUES (?, ?)');
  meta.run('node_uid', randomUUID());
  // Short, since every event's id carries it; it only has to differ from that of other stores of the same node.
  meta.run('epoch', randomBytes(8).toString('hex'));
};

/** Every step that there is; a store of version n has run the first n. */
const migrations: readonly Migration[] = [version1];

/** The version that this build writes. */
export const schemaVersion = migrations.length;

/** Runs the steps that a store of `from` lacks. The caller holds the transaction. */
export function migrate(connection: Connection, from: number): void {
  for (const step of migrations.slice(from)) step(connection);
  connection.exec(`PRAGMA user_version = ${schemaVersion}`);
}

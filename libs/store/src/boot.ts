import { randomBytes } from 'node:crypto';
import type { Connection } from './connection.ts';

/**
 * Begins a new epoch of the journal, for numbers that were given before to other entries, and answers it. What is left of
 * the old one counts as trimmed. To be called in a transaction.
 */
export function beginEpoch(connection: Connection): string {
  const epoch = randomBytes(8).toString('hex');
  connection.prepare("UPDATE meta SET value = ? WHERE key = 'epoch'").run(epoch);
  // The newest entry stays: numbers go on after it.
  connection.exec(`
    INSERT INTO journal_kinds (kind, trimmed) SELECT kind, max(number) FROM journal WHERE true GROUP BY kind
      ON CONFLICT (kind) DO UPDATE SET trimmed = excluded.trimmed;
    DELETE FROM journal WHERE number < (SELECT max(number) FROM journal);
  `);
  return epoch;
}

/**
 * Notes the host's boot, and that the store is open. Where an earlier life did not close it before another boot, the host
 * may have lost its power and the store its last commits: the journal would give their numbers to other entries. So it
 * begins a new epoch then. Synced, so that the next life can tell.
 */
export function noteBoot(connection: Connection, bootId: string): void {
  const meta = connection.prepare<{ readonly value: string }>('SELECT value FROM meta WHERE key = ?');
  const set = connection.prepare('INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2');
  const before = meta.get('boot')?.value;
  const mayHaveLost = before !== undefined && before !== bootId && meta.get('closed')?.value !== 'yes';
  connection.exec('PRAGMA synchronous = FULL; BEGIN IMMEDIATE');
  if (mayHaveLost) beginEpoch(connection);
  set.run('boot', bootId);
  set.run('closed', 'no');
  connection.exec('COMMIT; PRAGMA synchronous = NORMAL');
}

/** Notes that all of the store is about to be on the disk. */
export function noteClose(connection: Connection): void {
  connection.exec("UPDATE meta SET value = 'yes' WHERE key = 'closed'");
}

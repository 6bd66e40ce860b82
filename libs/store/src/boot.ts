import { randomBytes } from 'node:crypto';
import type { Connection } from './connection.ts';

/**
 * Notes the host's boot, and that the store is open. Where an earlier life did not close it before another boot, the host
 * may have lost its power and the store its last commits: the journal would give their numbers to other entries. So it
 * begins a new epoch then, and what is left of the old one counts as trimmed. Synced, so that the next life can tell.
 */
export function noteBoot(connection: Connection, bootId: string): void {
  const meta = connection.prepare<{ readonly value: string }>('SELECT value FROM meta WHERE key = ?');
  const set = connection.prepare('INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2');
  const before = meta.get('boot')?.value;
  const mayHaveLost = before !== undefined && before !== bootId && meta.get('closed')?.value !== 'yes';
  connection.exec('PRAGMA synchronous = FULL; BEGIN IMMEDIATE');
  if (mayHaveLost) {
    set.run('epoch', randomBytes(8).toString('hex'));
    // The newest entry stays: numbers go on after it.
    connection.exec(`
      INSERT INTO journal_kinds (kind, trimmed) SELECT kind, max(number) FROM journal WHERE true GROUP BY kind
        ON CONFLICT (kind) DO UPDATE SET trimmed = excluded.trimmed;
      DELETE FROM journal WHERE number < (SELECT max(number) FROM journal);
    `);
  }
  set.run('boot', bootId);
  set.run('closed', 'no');
  connection.exec('COMMIT; PRAGMA synchronous = NORMAL');
}

/** Notes that all of the store is about to be on the disk. */
export function noteClose(connection: Connection): void {
  connection.exec("UPDATE meta SET value = 'yes' WHERE key = 'closed'");
}

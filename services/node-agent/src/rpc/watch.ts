import { type Clock, decodeToken, encodeToken, Fault } from '@virtmesh/base';
import type { JournalEntry } from '../domains/ports.ts';
import type { JournalKind, NodeJournal } from '../journal.ts';

const bookmarkMs = 10_000;
const tag = 'journal';

export type Followed = { readonly t: 'entry'; readonly token: string; readonly entry: JournalEntry } | { readonly t: 'bookmark'; readonly token: string; readonly time: Date };

/** A token for the position after a number of this node's journal. */
export const tokenAt = (journal: NodeJournal, number: number): string => encodeToken(tag, [journal.epoch, number]);

/** The entries of a kind from a client's token on, and a bookmark when there was nothing for a while. */
export async function* followJournal(journal: NodeJournal, kind: JournalKind, token: string, clock: Clock, signal: AbortSignal): AsyncGenerator<Followed> {
  let seen = token === '' ? journal.last : positionOf(journal, kind, token);
  yield { t: 'bookmark', token: tokenAt(journal, seen), time: clock.now() };
  for await (const entry of withTicks(journal.read({ kind, after: seen, follow: true }, signal), bookmarkMs)) {
    if (entry === undefined) yield { t: 'bookmark', token: tokenAt(journal, seen), time: clock.now() };
    else {
      seen = entry.number;
      yield { t: 'entry', token: tokenAt(journal, seen), entry };
    }
  }
}

function positionOf(journal: NodeJournal, kind: JournalKind, token: string): number {
  const value = decodeToken(tag, token, 'resume_token');
  const [epoch, number] = Array.isArray(value) ? (value as unknown[]) : [];
  const trimmed = (why: string): Fault => new Fault('JOURNAL_TRIMMED', `the node's journal no longer has what follows resume_token: ${why}; list again and watch from that list's token`, { epoch: journal.epoch, why });
  if (epoch !== journal.epoch || typeof number !== 'number') throw trimmed('the node has a new store');
  if (number < journal.trimmedUpTo(kind)) throw trimmed('it is older than what is kept');
  if (number > journal.last) throw trimmed('it is ahead of the journal');
  return number;
}

/** The values of an iteration, and undefined whenever none came for some time. */
export async function* withTicks<T>(values: AsyncIterable<T>, ms: number): AsyncGenerator<T | undefined> {
  const iterator = values[Symbol.asyncIterator]();
  let upcoming = iterator.next();
  try {
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const tick = new Promise<'tick'>((resolve) => {
        timer = setTimeout(() => resolve('tick'), ms);
      });
      const winner = await Promise.race([upcoming, tick]).finally(() => clearTimeout(timer));
      if (winner === 'tick') yield undefined;
      else if (winner.done) return;
      else {
        upcoming = iterator.next();
        yield winner.value;
      }
    }
  } finally {
    upcoming.catch(() => {});
    await iterator.return?.();
  }
}

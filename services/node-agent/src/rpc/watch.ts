import { type Clock, decodeToken, encodeToken } from '@virtmesh/base';
import type { JournalRow } from '@virtmesh/store';
import { type JournalKind, type NodeJournal, trimmed } from '../journal.ts';

const bookmarkMs = 10_000;
const tag = 'journal';

export type Followed = { readonly token: string } & (
  | { readonly t: 'entry'; readonly entry: JournalRow }
  | { readonly t: 'bookmark'; readonly time: Date }
);

/** A token for the position after a number of this node's journal. */
export const tokenAt = (journal: NodeJournal, number: number): string => encodeToken(tag, [journal.epoch, number]);

export interface Following {
  readonly kind: JournalKind;
  /** Where to begin; empty for now. */
  readonly token: string;
  /** Only entries of this uid. */
  readonly uid?: string | undefined;
  readonly clock: Clock;
}

/** The entries of a kind from a client's token on, and a bookmark when nothing was sent for a while. */
export async function* followJournal(
  journal: NodeJournal,
  { kind, token, uid, clock }: Following,
  signal: AbortSignal,
): AsyncGenerator<Followed> {
  let seen = token === '' ? journal.last : positionOf(journal, kind, token);
  let sentMs = clock.monotonicMs();
  const bookmark = (): Followed => ({ t: 'bookmark', token: tokenAt(journal, seen), time: clock.now() });
  yield bookmark();
  for await (const entry of withTicks(journal.read({ kind, after: seen, follow: true }, signal), bookmarkMs)) {
    if (entry !== undefined) seen = entry.number;
    const wanted = entry !== undefined && (uid === undefined || entry.uid === uid);
    // Where others' entries come all the time, no tick does.
    if (!wanted && entry !== undefined && clock.monotonicMs() - sentMs < bookmarkMs) continue;
    sentMs = clock.monotonicMs();
    yield wanted ? { t: 'entry', token: tokenAt(journal, seen), entry } : bookmark();
  }
}

function positionOf(journal: NodeJournal, kind: JournalKind, token: string): number {
  const value = decodeToken(tag, token, 'resume_token');
  const [epoch, number] = Array.isArray(value) ? (value as unknown[]) : [];
  if (epoch !== journal.epoch || !Number.isSafeInteger(number)) throw trimmed(journal.epoch, 'the node has a new store');
  if ((number as number) < journal.trimmedUpTo(kind)) throw trimmed(journal.epoch, 'it is older than what is kept');
  if ((number as number) > journal.last) throw trimmed(journal.epoch, 'it is ahead of the journal');
  return number as number;
}

/**
 * The values of an iteration, and undefined whenever none came for some time. Each turn waits for a promise of its own: what
 * waits for one that lasts, as by Promise.race, would keep all values that come meanwhile.
 */
export async function* withTicks<T>(values: AsyncIterable<T>, ms: number): AsyncGenerator<T | undefined> {
  const iterator = values[Symbol.asyncIterator]();
  let turn = Promise.withResolvers<void>();
  let arrived: Promise<IteratorResult<T>> | undefined;
  const timer = setTimeout(() => turn.resolve(), ms);
  const ask = (): void => {
    const upcoming = iterator.next();
    const come = (): void => {
      arrived = upcoming;
      turn.resolve();
    };
    upcoming.then(come, come);
  };
  ask();
  try {
    for (;;) {
      await turn.promise;
      turn = Promise.withResolvers();
      const next = arrived && (await arrived);
      if (next?.done === true) return;
      arrived = undefined;
      if (next) ask();
      yield next?.value;
      timer.refresh();
    }
  } finally {
    clearTimeout(timer);
    await iterator.return?.();
  }
}

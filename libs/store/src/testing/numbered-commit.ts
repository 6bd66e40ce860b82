import type { Store } from '../store.ts';

const uid = 'u1';
/** Bytes of many lengths that tell their number. */
const bodyOf = (number: number): Uint8Array => new Uint8Array(20 + ((number * 2654435761) % 7000)).fill(number % 251);

/** Commits the next number to several tables at once, and answers it. */
export function commitNumbered(store: Store): number {
  return store.tx(() => {
    const number = store.journal.append('domain', uid, (position) => bodyOf(position.number));
    store.domains.put({ uid, name: 'web', revision: number, body: bodyOf(number) });
    store.runtimes.put(uid, { number });
    return number;
  });
}

/** The last number that the store holds. Throws unless all up to it is there, whole, in every table. */
export function lastNumbered(store: Store): number {
  const last = store.journal.last();
  const rows = store.journal.read({ after: 0, limit: last + 1 });
  const isWhole =
    rows.length === last && rows.every((row, index) => row.number === index + 1 && Buffer.from(row.body).equals(bodyOf(row.number)));
  if (!isWhole) throw new Error(`the journal has ${rows.length} of ${last} entries, or some are not as they were written`);
  if (last === 0) return 0;
  const domain = store.domains.get(uid);
  const isSame =
    Number(domain?.revision) === last &&
    domain !== undefined &&
    Buffer.from(domain.body).equals(bodyOf(last)) &&
    JSON.stringify(store.runtimes.get(uid)) === JSON.stringify({ number: last });
  if (!isSame)
    throw new Error(
      `the journal ends with ${last}, but the domain has revision ${domain?.revision} and the runtime record is ${JSON.stringify(store.runtimes.get(uid))}`,
    );
  return last;
}

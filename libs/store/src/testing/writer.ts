// A process of its own for tests: commits to the store at argv[2] without end, and prints the number of each commit after it.
import { writeSync } from 'node:fs';
import { systemClock } from '@virtmesh/base';
import { Store } from '../store.ts';

const path = process.argv[2];
if (path === undefined) throw new Error('usage: writer.ts PATH');
const store = Store.open({ path, clock: systemClock });
for (;;) {
  const number = store.tx(() => {
    const given = store.journal.append('domain', 'u1', ({ number }) => new TextEncoder().encode(`entry ${number}`));
    store.domains.put({ uid: 'u1', name: 'web', revision: given, body: new Uint8Array(2000) });
    store.runtimes.put('u1', { number: given });
    return given;
  });
  writeSync(1, `${number}\n`);
}

// A process of its own for tests: makes the store at argv[2], commits argv[3] times, and prints `durable {n}` each time that
// the store says that all up to commit n is on the disk. Commits go on while syncs run.
import { writeSync } from 'node:fs';
import { systemClock } from '@virtmesh/base';
import { Store } from '../store.ts';
import { commitNumbered } from './numbered-commit.ts';

const [, , path, count] = process.argv;
if (path === undefined || count === undefined) throw new Error('usage: durable-writer.ts PATH COUNT');
using store = Store.open({ path, clock: systemClock, limits: { checkpointPages: 60 } });
const acknowledge = async (number: number): Promise<void> => {
  await store.durable();
  writeSync(1, `durable ${number}\n`);
};
let last: Promise<void> = Promise.resolve();
for (let i = 1; i <= Number(count); i += 1) {
  const number = commitNumbered(store);
  if (i % 3 === 0) last = acknowledge(number);
  if (i % 7 === 0) await last;
  else if (i % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
}
await last;

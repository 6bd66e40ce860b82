import { afterAll, beforeEach, onTestFinished } from 'vitest';
import { Bench, removeCache } from './vmesh.ts';

/** Gives each test of a file a bench of its own, which `tell` gets before it. */
export function benches(tell: (bench: Bench) => void | Promise<void>): void {
  beforeEach(async () => {
    const bench = await Bench.start();
    onTestFinished(() => bench[Symbol.asyncDispose]());
    await tell(bench);
  });
  afterAll(removeCache);
}

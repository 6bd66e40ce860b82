import type { Clock } from '@virtmesh/base';
import { Store, type StoreLimits } from '../store.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** A clock that stands still until a test moves it. */
class ManualClock implements Clock {
  ms = Date.parse('2026-01-01T00:00:00Z');
  now(): Date {
    return new Date(this.ms);
  }
  monotonicMs(): number {
    return this.ms;
  }
}

export interface TemporaryStore extends Disposable {
  readonly store: Store;
  readonly clock: ManualClock;
  readonly path: string;
}

/** An open store in a directory of its own, gone when the test has ended. */
export function temporaryStore(limits: StoreLimits = {}): TemporaryStore {
  const directory = temporaryDirectory();
  const clock = new ManualClock();
  const path = directory.file('agent.db');
  const store = Store.open({ path, clock, limits });
  return {
    store,
    clock,
    path,
    [Symbol.dispose]: () => {
      store.close();
      directory[Symbol.dispose]();
    },
  };
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (body: Uint8Array | undefined): string => new TextDecoder().decode(body);

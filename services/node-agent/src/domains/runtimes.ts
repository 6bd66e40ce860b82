import type { RuntimeRecord } from '@virtmesh/driver-spi';
import type { Store } from '@virtmesh/store';

/** What is kept about a guest from the first step of its start to the release after its end. */
export interface Runtime {
  /** The driver's type, for a release when the domain itself is gone. */
  readonly driver: string;
  readonly id: string;
  readonly record: RuntimeRecord;
}

const key = (uid: string): string => `guest:${uid}`;

export function runtimeOf(store: Store, uid: string): Runtime | undefined {
  return store.runtimes.get(key(uid)) as Runtime | undefined;
}

export const keepRuntime = (store: Store, uid: string, runtime: Runtime): void => store.runtimes.put(key(uid), runtime);
export const forgetRuntime = (store: Store, uid: string): void => store.runtimes.delete(key(uid));

export function* allRuntimes(store: Store): Iterable<{ readonly uid: string; readonly runtime: Runtime }> {
  for (const row of [...store.runtimes.all()]) {
    if (row.uid.startsWith('guest:')) yield { uid: row.uid.slice('guest:'.length), runtime: row.record as Runtime };
  }
}

import type { Logger } from '@virtmesh/kit';
import type { Store } from '@virtmesh/store';

const intervalMs = 10 * 60_000;

/** Removes operations and request ids that have been kept long enough, a bounded number at a time, now and then. */
export function keepHouse(store: Store, log: Logger): Disposable {
  const sweep = (): void => {
    try {
      // Request ids first: the operation that one leads to is there for longer.
      const removed = store.requests.expire() + store.operations.expire();
      timer = setTimeout(sweep, removed > 0 ? 0 : intervalMs).unref();
    } catch (thrown) {
      log.error({ err: thrown }, 'what has expired could not be removed');
      timer = setTimeout(sweep, intervalMs).unref();
    }
  };
  let timer = setTimeout(sweep, 0).unref();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

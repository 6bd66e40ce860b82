import { setTimeout as delay } from 'node:timers/promises';
import { Fault } from '@virtmesh/base';

/**
 * Makes a call until it is answered, as a client does it whose servers come and go: `call` uses the same request id each
 * time. What the server refuses or failed at is thrown at once.
 */
export async function acknowledged<T>(call: () => Promise<T>, timeoutMs = 90_000): Promise<T> {
  for (const end = Date.now() + timeoutMs; ; await delay(50)) {
    try {
      return await call();
    } catch (thrown) {
      const unanswered = Fault.is(thrown, 'SERVER_UNREACHABLE', 'NODE_UNREACHABLE', 'SHUTTING_DOWN');
      if (!unanswered || Date.now() > end) throw thrown;
    }
  }
}

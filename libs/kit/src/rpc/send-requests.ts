import type { ClientDuplexStream } from '@grpc/grpc-js';

/** Sends requests no faster than the server reads them, until they or the call end. */
export async function sendAll(call: ClientDuplexStream<unknown, unknown>, requests: AsyncIterable<unknown>): Promise<void> {
  const iterator = requests[Symbol.asyncIterator]();
  const state = { over: false, wake: (): void => undefined };
  call.once('status', () => {
    state.over = true;
    state.wake();
    // A source that waits for more learns that nobody takes it any more.
    void iterator.return?.().catch(() => undefined);
  });
  call.on('drain', () => state.wake());
  for (let next = await iterator.next(); next.done !== true && !state.over; next = await iterator.next()) {
    if (!call.write(next.value)) {
      await new Promise<void>((resolve) => {
        state.wake = resolve;
        if (state.over) resolve();
      });
    }
  }
  if (!state.over) call.end();
}

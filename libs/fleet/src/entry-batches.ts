/**
 * A stream as batches, of up to `most` items. An item that was waited for is handed on at once and alone; what arrives while
 * it is dealt with makes the next batch.
 */
export async function* inBatches<T>(stream: AsyncIterableIterator<T>, most: number): AsyncGenerator<readonly T[]> {
  let upcoming = settle(stream.next());
  try {
    for (;;) {
      const waited = !upcoming.state.settled;
      const batch: T[] = [];
      let result = await upcoming.promise;
      while (!result.done) {
        batch.push(result.value);
        upcoming = settle(stream.next());
        if (waited || batch.length >= most) break;
        // A turn of the event loop lets through what has arrived and is only not handed over yet.
        if (!upcoming.state.settled) await new Promise<void>((resolve) => setImmediate(resolve));
        if (!upcoming.state.settled) break;
        result = await upcoming.promise;
      }
      if (batch.length > 0) yield batch;
      if (result.done) return;
    }
  } finally {
    upcoming.promise.catch(() => undefined);
    await stream.return?.();
  }
}

function settle<T>(promise: Promise<T>): { readonly promise: Promise<T>; readonly state: { settled: boolean } } {
  const state = { settled: false };
  const done = (): void => {
    state.settled = true;
  };
  promise.then(done, done);
  return { promise, state };
}

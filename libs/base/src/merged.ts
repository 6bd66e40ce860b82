/**
 * What several iterations give, as it comes. Each is asked for its next value when the one before is handed over. One that
 * gives nothing for long keeps nothing of what the others gave meanwhile, as Promise.race would. Left early, or where one
 * fails, it ends the others; one that is silent may end later, and is not waited for.
 */
export async function* merged<T>(iterations: readonly AsyncIterable<T>[]): AsyncGenerator<T> {
  const arrived: { readonly iterator: AsyncIterator<T>; readonly result: Promise<IteratorResult<T>> }[] = [];
  let wake = (): void => {};
  const ask = (iterator: AsyncIterator<T>): void => {
    const result = iterator.next();
    const come = (): void => {
      arrived.push({ iterator, result });
      wake();
    };
    result.then(come, come);
  };
  const open = new Set(iterations.map((iteration) => iteration[Symbol.asyncIterator]()));
  for (const iterator of open) ask(iterator);
  try {
    while (open.size > 0) {
      const first = arrived.shift();
      if (first === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      const { done, value } = await first.result.catch((thrown: unknown) => {
        open.delete(first.iterator);
        throw thrown;
      });
      if (done === true) open.delete(first.iterator);
      else {
        ask(first.iterator);
        yield value;
      }
    }
  } finally {
    // Nobody waits for them any more, however they end.
    for (const iterator of open) iterator.return?.().catch(() => undefined);
  }
}

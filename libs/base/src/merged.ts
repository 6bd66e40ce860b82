/**
 * What several iterations give, as it comes. Each is asked for its next value when the one before is handed over. One that
 * gives nothing for long keeps nothing of what the others gave meanwhile, as Promise.race would.
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
  for (const iteration of iterations) ask(iteration[Symbol.asyncIterator]());
  for (let open = iterations.length; open > 0;) {
    const first = arrived.shift();
    if (first === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      continue;
    }
    const { done, value } = await first.result;
    if (done === true) open -= 1;
    else {
      ask(first.iterator);
      yield value;
    }
  }
}

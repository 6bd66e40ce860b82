/** The items of a stream; throws where none comes for a time, judged by the reader's own clock. */
export async function* withDeadman<T>(stream: AsyncIterableIterator<T>, silenceMs: number): AsyncGenerator<T> {
  let giveUp = (): void => undefined;
  // What has arrived while this process itself was held up is read before the other side is found silent.
  const timer = setTimeout(() => setImmediate(() => giveUp()), silenceMs);
  try {
    for (;;) {
      timer.refresh();
      const next = await new Promise<IteratorResult<T>>((resolve, reject) => {
        giveUp = () => reject(new Error(`no sign of life for ${silenceMs / 1000} s`));
        stream.next().then(resolve, reject);
      });
      giveUp = () => undefined;
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    clearTimeout(timer);
    await stream.return?.();
  }
}

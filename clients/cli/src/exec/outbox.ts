import type { ExecDomainRequest, TerminalSize } from '@virtmesh/contracts/domain/v1/guest';

type Item = NonNullable<ExecDomainRequest['item']>;

/**
 * What is to be sent to a command: its input, one piece at a time, and before it signals in their order and the latest size
 * of its terminal.
 */
export class Outbox {
  readonly #signals: number[] = [];
  #size: TerminalSize | undefined;
  #input: { readonly item: Item; readonly taken: () => void } | undefined;
  #closed = false;
  #wake: (() => void) | undefined;

  signal(number: number): void {
    this.#signals.push(number);
    this.#wake?.();
  }

  /** A size that was not sent yet gives way to a newer one. */
  resize(size: TerminalSize): void {
    this.#size = size;
    this.#wake?.();
  }

  /** Resolves when the item is taken, so that whoever reads stdin reads no faster than it goes out. */
  async put(item: Item): Promise<void> {
    if (this.#closed) return;
    await new Promise<void>((taken) => {
      this.#input = { item, taken };
      this.#wake?.();
    });
  }

  /** Nothing is sent any more, and nobody waits. */
  close(): void {
    this.#closed = true;
    this.#input?.taken();
    this.#wake?.();
  }

  /** What is to be sent, as it comes, until it is closed. */
  async *items(): AsyncGenerator<Item> {
    while (!this.#closed) {
      const item = this.#next();
      if (item !== undefined) yield item;
      else
        await new Promise<void>((wake) => {
          this.#wake = wake;
        });
    }
  }

  #next(): Item | undefined {
    const signal = this.#signals.shift();
    if (signal !== undefined) return { $case: 'signal', value: signal };
    const size = this.#size;
    this.#size = undefined;
    if (size !== undefined) return { $case: 'resize', value: size };
    const input = this.#input;
    this.#input = undefined;
    input?.taken();
    return input?.item;
  }
}

import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { oneLine } from '../output/sanitise.ts';
import type { TerminalOutput } from '../terminal.ts';

/** One line on a terminal that says what an operation does, redrawn in place. On anything but a terminal it is nothing. */
export class ProgressLine implements Disposable {
  readonly #output: TerminalOutput;
  readonly #enabled: boolean;
  #shown = false;

  constructor(output: TerminalOutput, enabled: boolean) {
    this.#output = output;
    this.#enabled = enabled && output.isTTY === true;
  }

  show(operation: Operation): void {
    if (!this.#enabled) return;
    const done = operation.progressPercent > 0 ? ` ${operation.progressPercent}%` : '';
    const phase = operation.cancelRequested
      ? 'cancelling'
      : operation.phase || (operation.startTime ? 'under way' : 'waiting for its turn');
    const line = oneLine(`${operation.verb} ${operation.target}: ${phase}${done}`).slice(0, Math.max(10, (this.#output.columns || 80) - 1));
    this.#output.write(`\r${line}\u001b[K`);
    this.#shown = true;
  }

  /** Takes the line away, so that what follows stands alone. */
  clear(): void {
    if (this.#shown) this.#output.write('\r\u001b[K');
    this.#shown = false;
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}

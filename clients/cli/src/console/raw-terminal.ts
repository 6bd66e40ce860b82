import type { Terminal } from '../terminal.ts';

// A soft reset, and the end of mouse reports and bracketed paste: guests that were left in the middle of something
// leave them on. Neither clears the screen.
const calm = '\u001b[!p\u001b[?1000;1002;1003;1006;2004l';

/** Sends every key as it is, until disposed; then the terminal is as it was. Nothing where stdin is no terminal. */
export function rawTerminal(terminal: Terminal): Disposable {
  const { stdin, stdout } = terminal;
  if (stdin.isTTY !== true) return { [Symbol.dispose]: () => undefined };
  stdin.setRawMode?.(true);
  return {
    [Symbol.dispose]: () => {
      stdin.setRawMode?.(false);
      if (stdout.isTTY === true) stdout.write(calm);
    },
  };
}

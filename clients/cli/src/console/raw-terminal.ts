import { spawnSync } from 'node:child_process';
import type { Terminal } from '../terminal.ts';

// A soft reset, and the end of mouse reports and bracketed paste: guests that were left in the middle of something
// leave them on. Neither clears the screen.
const calm = '\u001b[!p\u001b[?1000;1002;1003;1006;2004l';

/**
 * Sends every key as it is, until disposed; then the terminal is as it was. `greeting` is printed once keys are no longer
 * echoed and lines still end as usual.
 */
export function rawTerminal(terminal: Terminal, greeting: () => void): Disposable {
  const { stdin, stdout } = terminal;
  stdin.setRawMode?.(true);
  greeting();
  // Node leaves the output's line ends to the terminal; a guest's lone line feed has to stay one. Going back from raw
  // mode puts this back too. Where there is no stty, screens of full-screen programs look wrong, and nothing else is.
  if (stdin.fd !== undefined) spawnSync('stty', ['-opost'], { stdio: [stdin.fd, 'ignore', 'ignore'] });
  return {
    [Symbol.dispose]: () => {
      stdin.setRawMode?.(false);
      if (stdout.isTTY === true) stdout.write(calm);
    },
  };
}

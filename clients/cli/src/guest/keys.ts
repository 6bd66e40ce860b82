import { UsageError } from '../usage-error.ts';

/** Names of keys as people write them, where Linux calls them otherwise. */
const names: Readonly<Record<string, string>> = {
  ctrl: 'LEFTCTRL',
  control: 'LEFTCTRL',
  alt: 'LEFTALT',
  altgr: 'RIGHTALT',
  shift: 'LEFTSHIFT',
  super: 'LEFTMETA',
  win: 'LEFTMETA',
  meta: 'LEFTMETA',
  del: 'DELETE',
  ins: 'INSERT',
  return: 'ENTER',
  escape: 'ESC',
  pgup: 'PAGEUP',
  pgdn: 'PAGEDOWN',
  bs: 'BACKSPACE',
  print: 'SYSRQ',
};

/** How many keys a server presses at once. */
const mostKeys = 16;

/** Linux' names of keys written as `KEY_LEFTCTRL`, `enter` or `ctrl-alt-del`; all of them are pressed together. */
export function keysOf(words: readonly string[]): string[] {
  const keys = words.flatMap((word) => (/^KEY_/i.test(word) ? [word] : word.split(/[-+]/))).map(keyNamed);
  if (keys.length > mostKeys) throw new UsageError(`these are ${keys.length} keys, and ${mostKeys} are pressed together at most`);
  return keys;
}

function keyNamed(word: string): string {
  if (!/^[A-Za-z0-9_]{1,40}$/.test(word))
    throw new UsageError(`${JSON.stringify(word.slice(0, 40))} is no key: write KEY_LEFTCTRL, ctrl, f1, a, or several as ctrl-alt-del`);
  const name = word.toUpperCase();
  return name.startsWith('KEY_') ? name : `KEY_${names[word.toLowerCase()] ?? name}`;
}

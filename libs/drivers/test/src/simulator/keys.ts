const printable: Readonly<Record<string, string>> = {
  KEY_SPACE: ' ',
  KEY_ENTER: '\r',
  KEY_TAB: '\t',
  KEY_MINUS: '-',
  KEY_EQUAL: '=',
  KEY_COMMA: ',',
  KEY_DOT: '.',
  KEY_SLASH: '/',
  KEY_SEMICOLON: ';',
  KEY_APOSTROPHE: "'",
};
const shifts: ReadonlySet<string> = new Set(['KEY_LEFTSHIFT', 'KEY_RIGHTSHIFT']);
const silent = [
  ...shifts,
  'KEY_LEFTCTRL',
  'KEY_RIGHTCTRL',
  'KEY_LEFTALT',
  'KEY_RIGHTALT',
  'KEY_LEFTMETA',
  'KEY_ESC',
  'KEY_BACKSPACE',
  'KEY_DELETE',
  'KEY_UP',
  'KEY_DOWN',
  'KEY_LEFT',
  'KEY_RIGHT',
  'KEY_HOME',
  'KEY_END',
  'KEY_SYSRQ',
  ...Array.from({ length: 12 }, (_, index) => `KEY_F${index + 1}`),
];
const characters = [...'abcdefghijklmnopqrstuvwxyz0123456789'];

/** The keys of the simulated keyboard, by Linux' names. */
export const keyNames: ReadonlySet<string> = new Set([
  ...characters.map((character) => `KEY_${character.toUpperCase()}`),
  ...Object.keys(printable),
  ...silent,
]);

/** What keys write that are pressed together. */
export function textOfKeys(keys: readonly string[]): string {
  const shift = keys.some((key) => shifts.has(key));
  const text = keys.map((key) => printable[key] ?? (/^KEY_[A-Z0-9]$/.test(key) ? key.slice(4).toLowerCase() : '')).join('');
  return shift ? text.toUpperCase() : text;
}

const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

// Controls C0, DEL and C1; the line and paragraph separators; the marks that turn the direction of text; lone surrogates.
const hostile = /[\p{Cc}\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\p{Cs}]/gu;

const escaped = (character: string): string => {
  const code = character.codePointAt(0) ?? 0;
  return short[character] ?? (code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`);
};

/**
 * Text of others on one line of a terminal: what could move the cursor, colour, hide or reorder is shown as an escape.
 * Text that has nothing of the kind is answered as it is.
 */
export function oneLine(text: string): string {
  return text.replace(hostile, escaped);
}

/** The lines of a text of others, each made safe; empty lines at the end are left out. */
export function safeLines(text: string): string[] {
  return text
    .trimEnd()
    .split(/\r?\n/)
    .map((line) => line.replaceAll('\t', '    '))
    .map(oneLine);
}

import { UsageError } from '../usage-error.ts';

/** Ctrl-], as in virsh and telnet. */
export const defaultEscape = '^]';

/** The byte of a key written as `^]`, `^A` or as itself. */
export function escapeByte(text: string): number {
  const [, control] = /^\^([A-Za-z[\]\\^_@])$/.exec(text) ?? [];
  if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
  if (/^[\x20-\x7e]$/.test(text)) return text.charCodeAt(0);
  throw new UsageError(`--escape ${JSON.stringify(text.slice(0, 20))} must be one key, such as ^] or ^A`);
}

/** A key for people: `Ctrl-]`. */
export const keyName = (text: string): string => (text.length === 2 && text.startsWith('^') ? `Ctrl-${text.slice(1).toUpperCase()}` : text);

import type { PlaceKind } from './message-places.ts';

const long = 100_000;

/** Texts that mean something to a shell, a path, an option of QEMU, JSON, YAML, SQL, a terminal, a log or a property name. */
export const hostileTexts: readonly string[] = [
  'a\0b',
  'a\nb',
  'a\r\n\r\nb',
  '../../etc/passwd',
  '/etc/passwd',
  '%2e%2e%2fetc%2fpasswd',
  'a,b=c,,id=x',
  'x,readonly=on,file=/etc/shadow',
  '"a" \'b\' \\ $(id) `id` ; | & > <',
  '{"driver":"file","filename":"/etc/shadow"}',
  'json:{"driver":"nbd"}',
  'nbd://localhost:1/x',
  '-incoming',
  '--',
  ' ',
  '\u{1b}[2J\u{1b}]0;x\u{7}',
  '\u{202e}txt.exe',
  'ä\u{308}\u{1f600}',
  '\u{feff}a',
  "' OR 1=1; DROP TABLE domains; --",
  '__proto__',
  'constructor',
  'uid:00000000-0000-4000-8000-000000000000',
  '*',
  '%s%n%p',
  'a'.repeat(long),
];

const int32 = [-2_147_483_648, -1, 2_147_483_647, 65_536] as const;
const int64 = [-(2n ** 63n), -1n, 2n ** 53n + 1n, 2n ** 63n - 1n] as const;

/** The values that are tried at places of a kind. */
export function hostileValues(kind: PlaceKind): readonly unknown[] {
  switch (kind) {
    case 'text':
      return hostileTexts;
    case 'int32':
      return int32;
    case 'int64':
      return int64;
    case 'enum':
      return [-1, 99, 2_147_483_647];
    case 'other':
      return [];
  }
}

/** A value as a message of a test shows it. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

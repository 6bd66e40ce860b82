/** One value of a command line: where it stands, and what it is. */
export interface ArgvValue {
  /** Option and key, such as `4 -device bus` or `2 -name guest`. */
  readonly key: string;
  readonly value: string;
}

const flags: ReadonlySet<string> = new Set(['-S', '-no-user-config', '-nodefaults']);
/** Options whose value QEMU takes to the letter. */
const literal: ReadonlySet<string> = new Set(['-uuid', '-display', '-accel', '-kernel', '-initrd', '-append']);

/** A command line as QEMU's own parsers see it: JSON, or `key=value,...` in which a doubled comma is a comma. */
export function parseArgv(argv: readonly string[]): readonly ArgvValue[] {
  const values: ArgvValue[] = [];
  for (let index = 0; index < argv.length; index += 1) {
    const option = argv[index] ?? '';
    const place = `${values.length} ${option}`;
    if (flags.has(option)) {
      values.push({ key: place, value: '' });
      continue;
    }
    index += 1;
    const value = argv[index] ?? '';
    if (literal.has(option)) values.push({ key: place, value });
    else values.push(...(value.startsWith('{') ? jsonValues(place, JSON.parse(value)) : keyedValues(place, value)));
  }
  return values;
}

function jsonValues(key: string, value: unknown): ArgvValue[] {
  if (typeof value !== 'object' || value === null) return [{ key, value: String(value) }];
  return Object.entries(value).flatMap(([name, inner]) => jsonValues(`${key} ${name}`, inner));
}

function keyedValues(key: string, text: string): ArgvValue[] {
  // A single comma parts, a doubled one does not; `\0` cannot stand in an argument.
  const parts = text.replaceAll(',,', '\0').split(',');
  return parts.map((part) => {
    const at = part.indexOf('=');
    const whole = (each: string): string => each.replaceAll('\0', ',');
    return at < 0 ? { key, value: whole(part) } : { key: `${key} ${whole(part.slice(0, at))}`, value: whole(part.slice(at + 1)) };
  });
}

import type { DestinationStream } from 'pino';

/** Turns pino's JSON lines into lines for people: time, level, message, then the other fields. */
export function prettyLines(out: { write(text: string): unknown }, colour: boolean): DestinationStream {
  return {
    // At once and not through a queue, which the end of the process would cut off.
    write: (line) => void out.write(`${readable(line.trimEnd(), colour)}\n`),
  };
}

function readable(line: string, colour: boolean): string {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const { time, level, name, msg, err, ...rest } = fields;
  const head = `${String(time).slice(11, 23)} ${coloured(String(level), colour)} ${String(name)}: ${typeof msg === 'string' ? msg : ''}`;
  const others = Object.entries(rest).map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const stack = typeof err === 'object' && err !== null && 'stack' in err ? `\n${String(err.stack)}` : '';
  return [head, ...others].join(' ') + stack;
}

function coloured(level: string, colour: boolean): string {
  const code = { warn: 33, error: 31, fatal: 31, debug: 90, trace: 90 }[level];
  const text = level.toUpperCase().padEnd(5);
  return colour && code !== undefined ? `\u001B[${code}m${text}\u001B[0m` : text;
}

import { Writable } from 'node:stream';

/** Turns pino's JSON lines into lines for people: time, level, message, then the other fields. */
export class PrettyLines extends Writable {
  readonly #out: NodeJS.WritableStream;
  readonly #colour: boolean;

  constructor(out: NodeJS.WritableStream, colour: boolean) {
    super({ decodeStrings: false });
    this.#out = out;
    this.#colour = colour;
  }

  override _write(chunk: string | Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const lines = chunk.toString().split('\n').filter((line) => line !== '');
    this.#out.write(`${lines.map((line) => this.#readable(line)).join('\n')}\n`, done);
  }

  #readable(line: string): string {
    let fields: Record<string, unknown>;
    try {
      fields = JSON.parse(line) as Record<string, unknown>;
    } catch {
      return line;
    }
    const { time, level, name, msg, err, ...rest } = fields;
    const head = `${String(time).slice(11, 23)} ${this.#coloured(String(level))} ${String(name)}: ${typeof msg === 'string' ? msg : ''}`;
    const others = Object.entries(rest).map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
    const stack = typeof err === 'object' && err !== null && 'stack' in err ? `\n${String(err.stack)}` : '';
    return [head, ...others].join(' ') + stack;
  }

  #coloured(level: string): string {
    const code = { warn: 33, error: 31, fatal: 31, debug: 90, trace: 90 }[level];
    const text = level.toUpperCase().padEnd(5);
    return this.#colour && code !== undefined ? `\u001B[${code}m${text}\u001B[0m` : text;
  }
}

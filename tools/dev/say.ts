/** Tells the person at the terminal what is going on; results go to stdout, this to stderr. */
export function say(line: string): void {
  process.stderr.write(`dev: ${line}\n`);
}

/** A time span for people: `0.4 s`, `75 s`. */
export function seconds(ms: number): string {
  return ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`;
}

const steps: readonly (readonly [unit: string, seconds: number, from: number])[] = [
  ['y', 365 * 86_400, 2 * 365 * 86_400],
  ['d', 86_400, 2 * 86_400],
  ['h', 3_600, 2 * 3_600],
  ['m', 60, 2 * 60],
];

/** How long ago, as kubectl says it: `45s`, `90s`, `12m`, `3h`, `5d`, `2y`. A time to come is `0s`, none at all is empty. */
export function age(since: Date | undefined, now: number): string {
  if (since === undefined) return '';
  const seconds = Math.max(0, Math.floor((now - since.getTime()) / 1000));
  for (const [unit, length, from] of steps) if (seconds >= from) return `${Math.floor(seconds / length)}${unit}`;
  return `${seconds}s`;
}

/** A moment to the second, in UTC: `2026-11-21T23:30:59Z`; empty for none. */
export const moment = (time: Date | undefined): string => time?.toISOString().replace(/\.\d+Z$/, 'Z') ?? '';

/** Nanoseconds as seconds with one decimal, or hours and minutes from an hour on: `12.3s`, `1h02m`. */
export function spent(ns: bigint): string {
  const seconds = Number(ns / 1_000_000n) / 1000;
  if (seconds < 3_600) return `${seconds.toFixed(1)}s`;
  return `${Math.floor(seconds / 3_600)}h${String(Math.floor((seconds % 3_600) / 60)).padStart(2, '0')}m`;
}

/** The milliseconds of `90`, `90s`, `5m`, `1h`, `500ms`; a bare number is seconds, as in virsh. Undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const factor = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit ?? 's'] ?? 1_000;
  const milliseconds = Math.round(Number(digits) * factor);
  // Past this a timer of Node fires at once.
  return milliseconds <= 2 ** 31 - 1 ? milliseconds : undefined;
}

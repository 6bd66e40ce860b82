import { Fault } from '@virtmesh/base';
import { Duration } from '@virtmesh/contracts/google/protobuf/duration';

/** google.protobuf.Duration from milliseconds. */
export function durationFromMs(ms: number): Duration {
  const seconds = Math.trunc(ms / 1000);
  return Duration.fromPartial({ seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) });
}

/** Milliseconds of a google.protobuf.Duration, fractions included. */
export function durationToMs(duration: Duration): number {
  return Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

export interface DurationRule {
  /** The field's path in the request. */
  readonly field: string;
  /** What an absent duration means. */
  readonly defaultMs: number;
  readonly minMs?: number;
  readonly maxMs: number;
}

/** Whole milliseconds of a request's duration, as timers want them; REQUEST_INVALID if it is out of its range. */
export function checkDuration(duration: Duration | undefined, rule: DurationRule): number {
  if (duration === undefined) return rule.defaultMs;
  const ms = durationToMs(duration);
  const minMs = rule.minMs ?? 0;
  if (!isWellFormed(duration)) throw refused(rule.field, 'must have nanos from -999999999 to 999999999, of the sign that seconds has');
  if (ms < minMs || ms > rule.maxMs)
    throw refused(rule.field, `must be between ${minMs / 1000} s and ${rule.maxMs / 1000} s, is ${ms / 1000} s`);
  return Math.ceil(ms);
}

/** As google.protobuf.Duration says: a carry into seconds is not left to the reader. */
function isWellFormed({ nanos, seconds }: Duration): boolean {
  return Math.abs(nanos) < 1e9 && (seconds === 0n || nanos === 0 || seconds > 0n === nanos > 0);
}

function refused(field: string, description: string): Fault {
  return new Fault('REQUEST_INVALID', `${field} ${description}`, { field }, { violations: [{ field, description }] });
}

import { type Clock, systemClock } from '@virtmesh/base';
import type { Duration } from '@virtmesh/contracts/google/protobuf/duration';
import { checkDuration } from './duration.ts';

const hourMs = 3_600_000;
/** How long before the caller's deadline a wait ends, so that the answer still arrives. */
const marginMs = 250;

export interface WaitRule {
  /** The field's path; `wait` if left out. */
  readonly field?: string;
  /** What an absent wait means; 10 s if left out, `Infinity` for as long as the deadline allows. */
  readonly defaultMs?: number;
  readonly clock?: Clock;
}

/** How long a call may wait for an operation's end, in milliseconds: what the request says, and never past the call's deadline. */
export function waitMs(wait: Duration | undefined, context: { readonly deadline: Date | undefined }, rule: WaitRule = {}): number {
  const asked = checkDuration(wait, { field: rule.field ?? 'wait', defaultMs: rule.defaultMs ?? 10_000, maxMs: 24 * hourMs });
  const left = context.deadline === undefined ? 24 * hourMs : context.deadline.getTime() - (rule.clock ?? systemClock).now().getTime();
  // A deadline of less than a few margins is not spent on the margin alone.
  const margin = Math.min(marginMs, left / 4);
  return Math.max(0, Math.min(asked, left - margin));
}

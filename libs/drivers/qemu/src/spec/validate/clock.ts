import { ClockOffset } from '@virtmesh/contracts/domain/v1/clock';
import { type Rule, violation } from './rule.ts';

/** About 31 years, so that the guest's clock shows a year that its hardware can tell. */
const maxAdjustmentSeconds = 1_000_000_000n;

export const clock: Rule = function* ({ clock }) {
  if (!clock || clock.adjustmentSeconds === 0n) return;
  if (clock.offset !== ClockOffset.VARIABLE)
    yield violation('clock.adjustment_seconds', 'is for offset VARIABLE alone; set that, or leave it out');
  const size = clock.adjustmentSeconds < 0n ? -clock.adjustmentSeconds : clock.adjustmentSeconds;
  if (size > maxAdjustmentSeconds) yield violation('clock.adjustment_seconds', `must be within ${maxAdjustmentSeconds} seconds of UTC`);
};

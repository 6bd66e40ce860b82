import { type Clock, ClockOffset, TickPolicy } from '@virtmesh/contracts/domain/v1/clock';
import { keyed } from './arguments.ts';
import type { Builder } from './context.ts';

export const clock: Builder = ({ spec, input }) =>
  keyed('-rtc', undefined, {
    base: base(spec.clock, input.now),
    driftfix: spec.clock?.rtcTickPolicy === TickPolicy.CATCHUP ? 'slew' : 'none',
  });

function base(clock: Clock | undefined, now: Date): string {
  if (clock?.offset === ClockOffset.LOCALTIME) return 'localtime';
  if (clock?.offset !== ClockOffset.VARIABLE) return 'utc';
  return new Date(now.getTime() + Number(clock.adjustmentSeconds) * 1000).toISOString().slice(0, 'YYYY-MM-DDTHH:MM:SS'.length);
}

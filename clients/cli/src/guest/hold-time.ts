import { parseDuration } from '../output/time.ts';
import { UsageError } from '../usage-error.ts';

/** How long keys are held; a bare number is milliseconds, as in virsh. */
export function holdTime(text: string): number {
  const ms = parseDuration(/^\d+$/.test(text) ? `${text}ms` : text);
  if (ms === undefined || ms < 1 || ms > 10_000)
    throw new UsageError('must be a time from 1 ms to 10 s, such as 200 (milliseconds) or 1.5s');
  return ms;
}

import { formatBytes, MiB } from '@virtmesh/base';
import { type Rule, violation } from './rule.ts';

const maxStatsPeriodSeconds = 3600;

export const memory: Rule = function* ({ memory }) {
  if (!memory) {
    yield violation('memory', 'is required; say at least memory.size_bytes');
    return;
  }
  const { sizeBytes, currentBytes, balloon } = memory;
  if (sizeBytes < MiB || sizeBytes % MiB !== 0n)
    yield violation('memory.size_bytes', 'must be a whole number of MiB, at least 1 MiB (1048576 bytes)');
  if (!balloon?.disabled) {
    if (currentBytes < MiB || currentBytes % MiB !== 0n)
      yield violation('memory.current_bytes', 'must be a whole number of MiB, at least 1 MiB (1048576 bytes)');
    else if (currentBytes > sizeBytes)
      yield violation('memory.current_bytes', `must be at most size_bytes, which is ${formatBytes(sizeBytes)}`);
    const period = balloon?.statsPeriodSeconds ?? 0;
    if (period < 0 || period > maxStatsPeriodSeconds)
      yield violation('memory.balloon.stats_period_seconds', `must be 0 to ${maxStatsPeriodSeconds}`);
    return;
  }
  const without = 'needs the balloon; leave it out, or do not disable the balloon';
  if (currentBytes !== 0n) yield violation('memory.current_bytes', without);
  if (balloon.statsPeriodSeconds !== 0) yield violation('memory.balloon.stats_period_seconds', without);
  if (balloon.freePageReporting) yield violation('memory.balloon.free_page_reporting', without);
};

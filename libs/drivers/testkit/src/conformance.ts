import { describe } from 'vitest';
import { adoptionCases } from './cases/adoption.ts';
import { brokenStartCases } from './cases/broken-starts.ts';
import { changeCases } from './cases/changes.ts';
import { consoleCases } from './cases/console.ts';
import { definitionCases } from './cases/definition.ts';
import { displayCases } from './cases/display.ts';
import { guestCases } from './cases/guest.ts';
import { lifeCases } from './cases/life.ts';
import { powerCases } from './cases/power.ts';
import { savedStateCases } from './cases/saved-state.ts';
import { statsCases } from './cases/stats.ts';
import type { Subject } from './subject.ts';

const groups = {
  definition: definitionCases,
  life: lifeCases,
  brokenStarts: brokenStartCases,
  adoption: adoptionCases,
  power: powerCases,
  stats: statsCases,
  console: consoleCases,
  changes: changeCases,
  savedState: savedStateCases,
  display: displayCases,
  guest: guestCases,
} as const;

/** A group of the suite's cases. */
export type ConformanceGroup = keyof typeof groups;

const allGroups = Object.keys(groups) as readonly ConformanceGroup[];

/**
 * Registers the tests that every hypervisor driver must pass, over the features that it has. `only` is for a further
 * subject of a driver, whose guests can do what those of the first cannot, and take longer.
 */
export function conformance(subject: Subject, only: readonly ConformanceGroup[] = allGroups): void {
  describe(`${subject.name} conforms`, () => {
    for (const group of only) groups[group](subject);
  });
}

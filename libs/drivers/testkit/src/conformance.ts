import { describe } from 'vitest';
import { adoptionCases } from './cases/adoption.ts';
import { brokenStartCases } from './cases/broken-starts.ts';
import { changeCases } from './cases/changes.ts';
import { consoleCases } from './cases/console.ts';
import { definitionCases } from './cases/definition.ts';
import { guestCases } from './cases/guest.ts';
import { lifeCases } from './cases/life.ts';
import { powerCases } from './cases/power.ts';
import { savedStateCases } from './cases/saved-state.ts';
import { statsCases } from './cases/stats.ts';
import type { Subject } from './subject.ts';

/** Registers the tests that every hypervisor driver must pass, over the features that it has. */
export function conformance(subject: Subject): void {
  describe(`${subject.name} conforms`, () => {
    definitionCases(subject);
    lifeCases(subject);
    brokenStartCases(subject);
    adoptionCases(subject);
    powerCases(subject);
    statsCases(subject);
    consoleCases(subject);
    changeCases(subject);
    savedStateCases(subject);
    guestCases(subject);
  });
}

import { isDone, resultOf } from '@virtmesh/client';
import { FieldEffect, type FieldOutcome, UpdateDomainResult } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { Invocation } from '../invocation.ts';
import { type Column, renderTable } from '../output/table.ts';
import { showOperations, tell } from './act.ts';

const effects: Readonly<Partial<Record<FieldEffect, string>>> = {
  [FieldEffect.UNCHANGED]: 'unchanged',
  [FieldEffect.LIVE]: 'live',
  [FieldEffect.NEXT_START]: 'next start',
};

/** What became of a field, in words. */
export const effectWord = (effect: FieldEffect): string => effects[effect] ?? 'unknown';

const columns: readonly Column<FieldOutcome>[] = [
  { header: 'FIELD', cell: (outcome) => outcome.path },
  { header: 'EFFECT', cell: (outcome) => effectWord(outcome.effect) },
  { header: 'WHY', cell: (outcome) => outcome.why },
];

/** Prints what an update made of each field. */
export async function showOutcomes(invocation: Invocation, operation: Operation): Promise<void> {
  const result = isDone(operation) ? resultOf(operation) : undefined;
  if (result?.$case !== 'update') {
    await tell(invocation, operation, 'changed');
    return await showOperations(invocation, [operation]);
  }
  await invocation.show({
    text: ({ wide, paint }) => renderTable(columns, result.value.outcomes, { wide, paint }),
    json: () => UpdateDomainResult.toJSON(result.value),
    names: () => [result.value.domain?.name ?? operation.target],
  });
}

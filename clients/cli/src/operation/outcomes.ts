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

/** Whether an update changed a field; one that has not ended may yet. */
export function changedAnything(operation: Operation): boolean {
  const result = isDone(operation) ? resultOf(operation) : undefined;
  return result?.$case !== 'update' || result.value.outcomes.some(({ effect }) => effect !== FieldEffect.UNCHANGED);
}

/** Prints what an update made of each field, for people those that changed alone where all were asked for. */
export async function showOutcomes(
  invocation: Invocation,
  operation: Operation,
  { changedOnly = false }: { readonly changedOnly?: boolean } = {},
): Promise<void> {
  const result = isDone(operation) ? resultOf(operation) : undefined;
  if (result?.$case !== 'update') {
    await tell(invocation, operation, 'changed');
    return await showOperations(invocation, [operation]);
  }
  const rows = result.value.outcomes.filter(({ effect }) => !changedOnly || effect !== FieldEffect.UNCHANGED);
  await invocation.show({
    text: ({ wide, paint }) => (changedOnly && rows.length === 0 ? '' : renderTable(columns, rows, { wide, paint })),
    json: () => UpdateDomainResult.toJSON(result.value),
    names: () => [result.value.domain?.name ?? operation.target],
  });
}

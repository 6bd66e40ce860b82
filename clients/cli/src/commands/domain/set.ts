import { resultOf } from '@virtmesh/client';
import { ChangeScope } from '@virtmesh/contracts/domain/v1/change_scope';
import { FieldEffect, UpdateDomainRequest, UpdateDomainResult } from '@virtmesh/contracts/domain/v1/domain_service';
import { aboutDomain } from '../../domain/lookup.ts';
import type { Invocation } from '../../invocation.ts';
import { showOperations, tell } from '../../operation/act.ts';
import { begin } from '../../operation/follow.ts';
import { renderTable } from '../../output/table.ts';
import { readAssignments } from '../../spec/assignments.ts';
import { loadDomainSchema } from '../../spec/schema.ts';

const effects: Readonly<Partial<Record<FieldEffect, string>>> = {
  [FieldEffect.UNCHANGED]: 'unchanged',
  [FieldEffect.LIVE]: 'live',
  [FieldEffect.NEXT_START]: 'next start',
};

function scopeOf(invocation: Invocation): ChangeScope {
  const [live, config] = [invocation.flag('live'), invocation.flag('config')];
  if (live && config) return ChangeScope.BOTH;
  if (live) return ChangeScope.LIVE;
  return config ? ChangeScope.CONFIG : ChangeScope.UNSPECIFIED;
}

export async function run(invocation: Invocation): Promise<void> {
  const [domain, ...words] = invocation.args;
  const { spec, paths } = readAssignments(words, loadDomainSchema());
  const operation = await aboutDomain(invocation, domain, (connection, name) =>
    begin(
      invocation,
      connection,
      (head) =>
        connection.domains.updateDomain(
          UpdateDomainRequest.fromPartial({
            ...head,
            name,
            spec,
            updateMask: [...paths],
            scope: scopeOf(invocation),
            validateOnly: invocation.flag('dryRun'),
          }),
          invocation.callOptions,
        ),
      { alone: true },
    ),
  );
  const result = operation.result === undefined ? undefined : resultOf(operation);
  if (result?.$case !== 'update') {
    await tell(invocation, operation, 'changed');
    return await showOperations(invocation, [operation]);
  }
  await invocation.show({
    text: ({ wide, paint }) =>
      renderTable(
        [
          { header: 'FIELD', cell: (outcome) => outcome.path },
          { header: 'EFFECT', cell: (outcome) => effects[outcome.effect] ?? 'unknown' },
          { header: 'WHY', cell: (outcome) => outcome.why },
        ],
        result.value.outcomes,
        { wide, paint },
      ),
    json: () => UpdateDomainResult.toJSON(result.value),
    names: () => [result.value.domain?.name ?? operation.target],
  });
}

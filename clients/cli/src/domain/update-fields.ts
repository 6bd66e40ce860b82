import { UpdateDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Invocation } from '../invocation.ts';
import { begin } from '../operation/follow.ts';
import { showOutcomes } from '../operation/outcomes.ts';
import type { Assignments } from '../spec/assignments.ts';
import { scopeOf } from './change-scope.ts';
import { aboutDomain } from './lookup.ts';

/** Gives fields of the verb's domain new values, and says what became of each. */
export async function updateFields(invocation: Invocation, { spec, paths }: Assignments): Promise<void> {
  const operation = await aboutDomain(invocation, invocation.args[0], (connection, name) =>
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
  await showOutcomes(invocation, operation);
}

import { RemoveDomainManagedSaveRequest } from '@virtmesh/contracts/domain/v1/saved_state';
import { changeEach } from '../../domain/change-each.ts';
import type { Invocation } from '../../invocation.ts';

export async function run(invocation: Invocation): Promise<void> {
  await changeEach(invocation, 'has no saved state now', (connection, name) =>
    connection.domains.removeDomainManagedSave(RemoveDomainManagedSaveRequest.fromPartial({ name }), invocation.callOptions),
  );
}

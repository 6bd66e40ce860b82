import { SaveDomainRequest } from '@virtmesh/contracts/domain/v1/saved_state';
import { aboutDomain } from '../../domain/lookup.ts';
import type { Invocation } from '../../invocation.ts';
import { nodePath } from '../../node/node-path.ts';
import { showOperations, tell } from '../../operation/act.ts';
import { begin } from '../../operation/follow.ts';

export async function run(invocation: Invocation): Promise<void> {
  const path = nodePath(invocation.args[1] ?? '');
  const operation = await aboutDomain(invocation, invocation.args[0], (connection, name) =>
    begin(
      invocation,
      connection,
      (head) => connection.domains.saveDomain(SaveDomainRequest.fromPartial({ ...head, name, path }), invocation.callOptions),
      { alone: true },
    ),
  );
  await tell(invocation, operation, `saved to ${path}`);
  await showOperations(invocation, [operation]);
}

import { RestoreDomainRequest } from '@virtmesh/contracts/domain/v1/saved_state';
import type { Invocation } from '../../invocation.ts';
import { theNode } from '../../node/choose-node.ts';
import { nodePath } from '../../node/node-path.ts';
import { showOperations, tell } from '../../operation/act.ts';
import { begin } from '../../operation/follow.ts';

export async function run(invocation: Invocation): Promise<void> {
  const path = nodePath(invocation.args[0] ?? '');
  const connection = await invocation.connect();
  const parent = await theNode(invocation, connection);
  const operation = await begin(
    invocation,
    connection,
    (head) =>
      connection.domains.restoreDomain(
        RestoreDomainRequest.fromPartial({ ...head, parent, path, paused: invocation.flag('paused') }),
        invocation.callOptions,
      ),
    { alone: true },
  );
  await tell(invocation, operation, `restored from ${path}`);
  await showOperations(invocation, [operation]);
}

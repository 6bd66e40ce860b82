import { GetOperationRequest } from '@virtmesh/contracts/operation/v1/operation_service';
import type { Invocation } from '../../invocation.ts';
import { follow } from '../../operation/follow.ts';
import { operationReference } from '../../operation/reference.ts';
import { operationView } from '../../operation/view.ts';

export async function run(invocation: Invocation): Promise<void> {
  const name = operationReference(invocation, invocation.args[0]);
  const connection = await invocation.connect();
  const operation = await connection.operations.getOperation(GetOperationRequest.fromPartial({ name }), invocation.callOptions);
  // Who only looks on does not cancel by leaving.
  await invocation.show(operationView(await follow(invocation, connection, operation, { alone: true, cancels: false })));
}

import { Fault } from '@virtmesh/base';
import { isDone } from '@virtmesh/client';
import { OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { CancelOperationRequest, GetOperationRequest } from '@virtmesh/contracts/operation/v1/operation_service';
import type { Invocation } from '../invocation.ts';
import { follow } from './follow.ts';
import { operationView } from './view.ts';

/** Cancels an operation and, unless `--no-wait` was given, waits until it has ended. One that ended otherwise is a fault. */
export async function cancelAndWait(invocation: Invocation, name: string): Promise<void> {
  const connection = await invocation.connect();
  const asked = await connection.operations.cancelOperation(CancelOperationRequest.fromPartial({ name }), invocation.callOptions);
  if (invocation.globals.wait && !isDone(asked)) {
    // Its end is the error that was asked for.
    await follow(invocation, connection, asked, { alone: true, cancels: false }).catch((thrown: unknown) => {
      if (!Fault.is(thrown, 'OPERATION_CANCELLED', 'OPERATION_PREEMPTED') || invocation.signal.aborted) throw thrown;
    });
  }
  const now = await connection.operations.getOperation(GetOperationRequest.fromPartial({ name }), invocation.callOptions);
  await invocation.show(operationView(now));
  if (isDone(now) && now.state !== OperationState.CANCELLED)
    throw new Fault('STATE_INVALID', `${now.verb} of ${now.target} had ended before it could be cancelled`, { operation: name });
}

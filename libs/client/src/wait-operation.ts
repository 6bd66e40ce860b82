import { abortFault, type Fault } from '@virtmesh/base';
import { type Operation } from '@virtmesh/contracts/operation/v1/operation';
import {
  GetOperationRequest,
  type OperationServiceService,
  WatchOperationRequest,
} from '@virtmesh/contracts/operation/v1/operation_service';
import type { Client } from '@virtmesh/kit/client';
import { follow } from './follow.ts';
import { isDone, type OperationResult, resultOf } from './operation-result.ts';

export interface WaitOperationOptions {
  /** Ends the waiting; the operation goes on. */
  readonly signal?: AbortSignal;
  /** Told of the operation at each of its changes, its end included. */
  readonly onProgress?: (operation: Operation) => void;
  /** Told of each failure of the connection that is waited out. */
  readonly onRetry?: (fault: Fault, attempt: number) => void;
}

/** An operation watched for longer than this without a word is looked at again. */
const silenceMs = 60_000;

/** Waits for an operation's end, also over a restart of the server, and answers its result or throws its Fault. */
export async function waitOperation(
  operations: Client<typeof OperationServiceService>,
  operation: Operation,
  options: WaitOperationOptions = {},
): Promise<OperationResult> {
  const signal = options.signal ?? new AbortController().signal;
  let latest = operation;
  while (!isDone(latest)) {
    const request = WatchOperationRequest.fromPartial({ name: operation.name });
    for await (const { operation: now } of follow((ending) => operations.watchOperation(request, { signal: ending }), {
      signal,
      silenceMs,
      ...(options.onRetry === undefined ? {} : { onRetry: options.onRetry }),
    })) {
      if (now === undefined) continue;
      latest = now;
      options.onProgress?.(now);
      if (isDone(now)) break;
    }
    if (signal.aborted) throw abortFault(signal);
    if (!isDone(latest)) latest = await operations.getOperation(GetOperationRequest.fromPartial({ name: operation.name }), { signal });
  }
  return resultOf(latest);
}

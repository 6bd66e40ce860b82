import { randomUUID } from 'node:crypto';
import { Fault } from '@virtmesh/base';
import { type Connection, isDone, resultOf } from '@virtmesh/client';
import { Duration } from '@virtmesh/contracts/google/protobuf/duration';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { CancelOperationRequest, GetOperationRequest } from '@virtmesh/contracts/operation/v1/operation_service';
import type { Invocation } from '../invocation.ts';
import { ProgressLine } from './progress-line.ts';

/** What every request that begins an operation has. */
export interface RequestHead {
  readonly requestId: string;
  readonly wait: Duration;
}

export interface FollowOptions {
  /** Whether this operation is the only one of the call, so that its progress may be shown. */
  readonly alone: boolean;
  /** How long to wait where the caller does not say; without end if left out. */
  readonly timeoutMs?: number;
  /** Whether Ctrl-C cancels it; so it does if left out. Else Ctrl-C leaves, and it goes on. */
  readonly cancels?: boolean;
}

/** What takes longer than this is worth a line of progress, and its cancellation a name. */
const firstWaitMs = 500;

/** A length of time as the contract has it. */
export const durationOf = (ms: number): Duration =>
  Duration.fromPartial({ seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1_000_000 });

/**
 * Begins an operation and, unless `--no-wait` was given, follows it to its end. Ctrl-C asks the server to cancel it and
 * goes on waiting; a second one leaves. The operation is answered as it is then; a failed one is thrown.
 */
export async function begin(
  invocation: Invocation,
  connection: Connection,
  call: (head: RequestHead) => Promise<Operation>,
  options: FollowOptions,
): Promise<Operation> {
  const head = { requestId: randomUUID(), wait: durationOf(invocation.globals.wait ? firstWaitMs : 0) };
  let interrupted = false;
  const begun = await (async () => {
    // The call ends soon, and only its answer says what to cancel.
    using _ = invocation.onInterrupt(() => {
      if (interrupted) invocation.leave();
      interrupted = true;
    });
    return await call(head).catch((thrown: unknown) => {
      throw leftAlone(thrown);
    });
  })();
  if (!invocation.globals.wait) return begun;
  return await follow(invocation, connection, begun, { ...options, interrupted });
}

/** Follows an operation to its end and answers it as it ended; one that ended badly is thrown. */
export async function follow(
  invocation: Invocation,
  connection: Connection,
  begun: Operation,
  options: FollowOptions & { readonly interrupted?: boolean },
): Promise<Operation> {
  if (isDone(begun)) return succeeded(begun);
  using line = new ProgressLine(invocation.terminal.stderr, options.alone && !invocation.globals.quiet);
  line.show(begun);
  using cancelling = new Cancelling(invocation, connection, begun, options.cancels ?? true);
  if (options.interrupted) cancelling.interrupt();
  const timeoutMs = invocation.globals.timeoutMs ?? options.timeoutMs;
  const timeout = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
  const signal = timeout ? AbortSignal.any([invocation.signal, timeout]) : invocation.signal;
  let latest = begun;
  const onProgress = (operation: Operation): void => {
    latest = operation;
    line.show(operation);
  };
  const what = `${begun.verb} of ${begun.target}`;
  const onRetry = ({ message, metadata }: Fault, attempt: number): void => {
    // An operation without news is asked for anew, and its server is there.
    if (attempt === 1 && metadata['why'] !== 'silence')
      invocation.note(`${message}; waiting for the server; ${what} may go on: vmesh operation show ${begun.name}`);
  };
  try {
    await connection.waitOperation(begun, { signal, onProgress, onRetry });
  } catch (thrown) {
    if (invocation.signal.aborted)
      throw new Fault('OPERATION_CANCELLED', `left; ${what} may go on: vmesh operation show ${begun.name}`, { operation: begun.name });
    if (timeout?.aborted) {
      throw new Fault(
        'DEADLINE_EXCEEDED',
        `${what} has not ended in ${(timeoutMs ?? 0) / 1000} s, and goes on; wait for it by: vmesh operation wait ${begun.name}`,
        { operation: begun.name },
      );
    }
    throw thrown;
  }
  return isDone(latest)
    ? latest
    : await connection.operations.getOperation(GetOperationRequest.fromPartial({ name: begun.name }), { signal });
}

/** The failure of a server that went away, with what may have become of what it was asked. */
function leftAlone(thrown: unknown): unknown {
  if (!Fault.is(thrown, 'SERVER_UNREACHABLE')) return thrown;
  const message = `${thrown.message}; what was asked may go on; when the server is there again, see it by: vmesh operation list`;
  return new Fault(thrown.reason, message, thrown.metadata, { cause: thrown });
}

function succeeded(operation: Operation): Operation {
  resultOf(operation);
  return operation;
}

/** What Ctrl-C does while an operation is followed. */
class Cancelling implements Disposable {
  readonly #invocation: Invocation;
  readonly #connection: Connection;
  readonly #operation: Operation;
  readonly #cancels: boolean;
  readonly #registration: Disposable;
  #asked = false;

  constructor(invocation: Invocation, connection: Connection, operation: Operation, cancels: boolean) {
    this.#invocation = invocation;
    this.#connection = connection;
    this.#operation = operation;
    this.#cancels = cancels;
    this.#registration = invocation.onInterrupt(() => this.interrupt());
  }

  /** The first time asks the server to cancel, the second time leaves. */
  interrupt(): void {
    if (this.#asked || !this.#cancels) return this.#invocation.leave();
    this.#asked = true;
    this.#invocation.note('cancelling; Ctrl-C again leaves at once, and the operation goes on');
    const request = CancelOperationRequest.fromPartial({ name: this.#operation.name });
    this.#connection.operations.cancelOperation(request, { signal: this.#invocation.signal }).catch((thrown: unknown) => {
      if (!this.#invocation.signal.aborted) this.#invocation.note(`it cannot be cancelled: ${Fault.from(thrown).message}`);
    });
  }

  [Symbol.dispose](): void {
    this.#registration[Symbol.dispose]();
  }
}

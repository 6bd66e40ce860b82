import { randomUUID, randomUUIDv7 } from 'node:crypto';
import { type Clock, Fault, operationName, parseOperationName } from '@virtmesh/base';
import { Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import type { Logger } from '@virtmesh/kit';
import type { OperationPort, OperationSelection } from './port.ts';
import { Running } from './running.ts';
import { hasEnded } from './states.ts';
import { waitForEnd, watchUntilEnd } from './watch.ts';

export interface OperationsOptions {
  /** The node's id. */
  readonly node: string;
  readonly port: OperationPort;
  readonly clock: Clock;
  /** Gets the particulars of a fault of this software, which clients are not shown. */
  readonly log?: Logger | undefined;
}

export interface NewOperation {
  /** Such as `start`. */
  readonly verb: string;
  /** The name of the object acted on, such as `nodes/n1/domains/web`. */
  readonly target: string;
  readonly targetUid: string;
  /** Who asks for it. */
  readonly requestor: string;
  /** The request id of the call, empty if it has none. */
  readonly requestId: string;
}

/** A node's operations: those under way in memory, those that must outlive the process and those that have ended in the port. */
export class Operations {
  readonly node: string;
  readonly #port: OperationPort;
  readonly #clock: Clock;
  readonly #log: Logger | undefined;
  readonly #running = new Map<string, Running>();

  /** Takes up what an earlier life left unfinished, so that it can be seen, awaited and cancelled before it is resumed. */
  constructor(options: OperationsOptions) {
    this.node = options.node;
    this.#port = options.port;
    this.#clock = options.clock;
    this.#log = options.log;
    for (const operation of this.#port.unfinished()) this.#take(operation, true);
  }

  /** A new operation: PENDING, and in memory only until it is saved or ends. */
  create(init: NewOperation): Running {
    const name = operationName(this.node, randomUUIDv7());
    return this.#take({ ...Operation.create(), ...init, name, state: OperationState.PENDING, createTime: this.#clock.now() }, false);
  }

  /** An unfinished operation of an earlier life, for who takes its work up again. Its signal is aborted if its cancel was asked for. */
  resume(operation: Operation): Running {
    const { id } = parseOperationName(operation.name);
    if (hasEnded(operation.state))
      throw new Fault('INTERNAL_BUG', `internal fault: ${operation.name} has ended and cannot be resumed`, { operation: operation.name });
    return this.#running.get(id) ?? this.#take(operation, true);
  }

  /** The operation as it is now; OPERATION_NOT_FOUND where there is none, or none any more. */
  get(id: string): Operation {
    const operation = this.#running.get(id)?.operation ?? this.#port.get(id);
    if (operation !== undefined) return operation;
    const name = operationName(this.node, id);
    throw new Fault('OPERATION_NOT_FOUND', `there is no operation ${name}; those that have ended are kept for 24 hours`, { name });
  }

  /** One page, newest first: ids grow with time. */
  list(selection: OperationSelection): Operation[] {
    const { afterId, limit, target } = selection;
    const byName = new Map(this.#port.list(selection).map((operation) => [operation.name, operation]));
    // Those under way are few. Their progress, and some of them, are not in the port.
    for (const { id, operation } of this.#running.values()) {
      const isSelected =
        (afterId === undefined || id < afterId) && (target === undefined || operation.target === target || operation.targetUid === target);
      if (isSelected) byName.set(operation.name, operation);
    }
    return [...byName.values()].toSorted((a, b) => (a.name < b.name ? 1 : -1)).slice(0, limit);
  }

  /** The operation once it has ended, or as it is after `timeoutMs`. Rejects at the signal's abort. */
  async wait(id: string, signal: AbortSignal, timeoutMs: number): Promise<Operation> {
    const running = this.#running.get(id);
    return running === undefined ? this.get(id) : waitForEnd(running, signal, timeoutMs);
  }

  /** The operation now and at each change, the last being its end. Progress alone is shown at most ten times a second. */
  async *watch(id: string, signal: AbortSignal): AsyncGenerator<Operation> {
    const running = this.#running.get(id);
    if (running === undefined) yield this.get(id);
    else yield* watchUntilEnd(running, signal);
  }

  /** Asks for the operation's end, and answers it as it then is. One that has ended is left as it is. */
  cancel(id: string): Operation {
    this.#running.get(id)?.cancel();
    return this.get(id);
  }

  #take(operation: Operation, saved: boolean): Running {
    const { id } = parseOperationName(operation.name);
    const running = new Running(
      {
        id,
        port: this.#port,
        clock: this.#clock,
        shown: (fault, of) => this.#shown(fault, of),
        forget: () => this.#running.delete(id),
      },
      operation,
      saved,
    );
    this.#running.set(id, running);
    return running;
  }

  /** A fault of this software says nothing to clients but where the log has more. */
  #shown(fault: Fault, operation: Operation): Fault {
    if (fault.reason !== 'INTERNAL_BUG' || fault.metadata['incident'] !== undefined) return fault;
    const incident = randomUUID();
    this.#log?.error({ incident, operation: operation.name, err: fault.cause ?? fault }, `internal fault: ${fault.message}`);
    return new Fault('INTERNAL_BUG', `an internal fault; the log of the node's agent has the particulars under incident ${incident}`, {
      incident,
      operation: operation.name,
    });
  }
}

import { abortFault, type Clock, Fault } from '@virtmesh/base';
import { Any } from '@virtmesh/contracts/google/protobuf/any';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { statusFromFault } from '@virtmesh/kit';
import type { OperationPort } from './port.ts';
import { hasEnded, type OperationEvent, stateAfter } from './states.ts';

/** What a running operation needs of what keeps it. */
export interface RunningParts {
  readonly id: string;
  readonly port: OperationPort;
  readonly clock: Clock;
  /** The fault as clients may see it. */
  readonly shown: (fault: Fault, operation: Operation) => Fault;
  /** Called once its end is committed, or it is discarded. */
  readonly forget: () => void;
}

/**
 * An operation under way, in the hands of who carries it out. It is in memory only until it is first saved, which its end
 * does at the latest: what begins and ends in one transaction costs one write.
 */
export class Running {
  readonly id: string;
  readonly #parts: RunningParts;
  readonly #controller = new AbortController();
  readonly #listeners = new Set<() => void>();
  #operation: Operation;
  #saved: boolean;

  /** `saved` says whether the port has it already. */
  constructor(parts: RunningParts, operation: Operation, saved: boolean) {
    this.id = parts.id;
    this.#parts = parts;
    this.#operation = operation;
    this.#saved = saved;
    if (operation.cancelRequested) this.#abort(cancelled(operation));
  }

  /** Aborted by a cancel with OPERATION_CANCELLED, or with OPERATION_PREEMPTED. The work then stops at the next step and undoes what it began. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** As it is now. Its end shows here only after the transaction of the end has committed. */
  get operation(): Operation {
    return this.#operation;
  }

  /** Writes it in the present transaction, so that a later life of the agent finds it. */
  save(): void {
    this.#parts.port.put(this.#operation);
    this.#parts.port.afterCommit(() => {
      this.#saved = true;
    });
  }

  /** Forgets one that was not accepted after all, such as where the transaction of its first save failed. */
  discard(): void {
    if (!this.#saved) this.#parts.forget();
  }

  /** Its turn has come: it is RUNNING. Begun once more, it stays as it is. Not committed: a later life begins it anew. */
  begin(): void {
    const state = stateAfter(this.#operation.state, 'begin');
    if (state === undefined || state === this.#operation.state) return;
    this.#show({ ...this.#operation, state, startTime: this.#operation.startTime ?? this.#parts.clock.now() });
  }

  /** Which step is under way, and how much is done, 0 to 100; -1 where it cannot be told. Seen by watchers, never committed. */
  phase(name: string, percent = -1): void {
    if (hasEnded(this.#operation.state)) return;
    const progressPercent = Number.isFinite(percent) ? Math.min(100, Math.max(-1, Math.floor(percent))) : -1;
    this.#show({ ...this.#operation, phase: name, progressPercent });
  }

  /** Ends it well in the present transaction. False, and nothing changed, where it has ended already. */
  succeed(typeUrl: string, bytes: Uint8Array): boolean {
    return this.#end('succeed', {
      phase: '',
      progressPercent: 100,
      result: {
        $case: 'response',
        value: Any.fromPartial({ typeUrl, value: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) }),
      },
    });
  }

  /**
   * Ends it badly in the present transaction: CANCELLED for OPERATION_CANCELLED and OPERATION_PREEMPTED, else FAILED. False,
   * and nothing changed, where it has ended already.
   */
  fail(fault: Fault): boolean {
    const cause = this.#causeOf(fault);
    const event = Fault.is(cause, 'OPERATION_CANCELLED', 'OPERATION_PREEMPTED') ? 'cancelled' : 'fail';
    return this.#end(event, { result: { $case: 'error', value: statusFromFault(this.#parts.shown(cause, this.#operation)) } });
  }

  /** Asks for its end because of another operation, whose name is `by`. */
  preempt(by: string): void {
    if (hasEnded(this.#operation.state)) return;
    const { name, verb } = this.#operation;
    this.#abort(new Fault('OPERATION_PREEMPTED', `the operation ${name} (${verb}) gave way to ${by}`, { operation: name, by }));
  }

  /**
   * Asks for its end because a caller wants it, also where the disk has no room to note that: its end notes it then. Asked
   * once more, or after its end, nothing changes.
   */
  cancel(): void {
    if (hasEnded(this.#operation.state) || this.#operation.cancelRequested) return;
    this.#show({ ...this.#operation, cancelRequested: true });
    this.#abort(cancelled(this.#operation));
    // What was never saved is not known to any later life either; its end will be.
    if (this.#saved) this.#saveCancel();
  }

  /** Calls `listener` at each change until the answered function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #saveCancel(): void {
    const { port } = this.#parts;
    try {
      port.tx(() => port.put(this.#operation));
    } catch (thrown) {
      if (!Fault.is(thrown, 'DISK_EXHAUSTED', 'RECORD_CORRUPT')) throw thrown;
    }
  }

  #end(event: OperationEvent, part: Partial<Operation>): boolean {
    const { port, clock } = this.#parts;
    return port.tx(() => {
      // The store is asked since an end may stand in this transaction, or have stood in one that was rolled back.
      const present = port.get(this.id) ?? this.#operation;
      const state = stateAfter(present.state, event);
      if (state === undefined) return false;
      const now = clock.now();
      const ended: Operation = { ...this.#operation, startTime: this.#operation.startTime ?? now, endTime: now, ...part, state };
      port.put(ended);
      port.afterCommit(() => {
        this.#show(ended);
        this.#parts.forget();
      });
      return true;
    });
  }

  /** What Node throws at an abort says nothing; the abort's own fault says why. */
  #causeOf(fault: Fault): Fault {
    const isAbort = fault.reason === 'INTERNAL_BUG' && fault.cause instanceof Error && fault.cause.name === 'AbortError';
    return isAbort && this.signal.aborted ? abortFault(this.signal) : fault;
  }

  #abort(fault: Fault): void {
    this.#controller.abort(fault);
  }

  #show(operation: Operation): void {
    if (hasEnded(this.#operation.state)) return;
    this.#operation = operation;
    for (const listener of [...this.#listeners]) listener();
  }
}

const cancelled = ({ name, verb }: Operation): Fault =>
  new Fault('OPERATION_CANCELLED', `the operation ${name} (${verb}) was cancelled`, { operation: name });

import { randomUUID } from 'node:crypto';
import type { Metadata } from '@grpc/grpc-js';
import { abortFault, Fault } from '@virtmesh/base';
import type { Caller } from '../auth/caller.ts';
import type { Logger } from '../log.ts';
import { type CallContext, metadataKeys, type ServerCall } from './context.ts';
import type { BoundMethod } from './service.ts';

const callIdForm = /^[A-Za-z0-9_-]{8,64}$/;
const traceparentForm = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** A call under way at a server: the handler's context, and the one place that knows whether it has ended. */
export class ActiveCall implements CallContext {
  readonly caller: Caller;
  readonly method: string;
  readonly kind: BoundMethod['kind'];
  readonly callId: string;
  readonly traceparent: string | undefined;
  readonly metadata: Metadata;
  readonly deadline: Date | undefined;
  readonly startedMs = performance.now();
  readonly #controller = new AbortController();
  readonly #serverLog: Logger;
  readonly #onEnd: (call: ActiveCall, fault: Fault | undefined) => void;
  #log: Logger | undefined;
  #answer: ((fault: Fault) => void) | undefined;
  #ended = false;

  constructor(
    call: ServerCall,
    method: BoundMethod,
    caller: Caller,
    log: Logger,
    onEnd: (call: ActiveCall, fault: Fault | undefined) => void,
  ) {
    this.caller = caller;
    this.method = method.name;
    this.kind = method.kind;
    this.metadata = call.metadata;
    this.callId = matching(call.metadata, metadataKeys.callId, callIdForm) ?? randomUUID();
    this.traceparent = matching(call.metadata, metadataKeys.traceparent, traceparentForm);
    const deadline = call.getDeadline();
    this.deadline = deadline instanceof Date ? deadline : Number.isFinite(deadline) ? new Date(deadline) : undefined;
    this.#serverLog = log;
    this.#onEnd = onEnd;
    call.once('cancelled', () => this.#cancelled());
    if (call.cancelled) this.#cancelled();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get log(): Logger {
    this.#log ??= this.#serverLog.child({
      callId: this.callId,
      method: this.method,
      caller: this.caller.identity,
      ...(this.caller.forwardedBy === undefined ? {} : { forwardedBy: this.caller.forwardedBy }),
      ...(this.traceparent === undefined ? {} : { traceId: this.traceparent.split('-')[1] }),
    });
    return this.#log;
  }

  /** Whether the call was answered or given up: what is sent after that goes nowhere. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Says how a fault is sent to the caller; needed before the call can be terminated. */
  answerFaultsWith(answer: (fault: Fault) => void): void {
    this.#answer = answer;
  }

  /** Marks the call as answered; false if it was ended before, so that nothing may be sent. */
  end(fault?: Fault): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#onEnd(this, fault);
    return true;
  }

  /** Ends the call from the server's side: the caller gets the fault, the handler's signal is aborted. */
  terminate(fault: Fault): void {
    if (!this.end(fault)) return;
    this.#answer?.(fault);
    this.#controller.abort(fault);
  }

  /** A throw of the handler as Fault: after an abort, the abort's own. */
  faultOf(thrown: unknown): Fault {
    if (thrown instanceof Fault) return thrown;
    return this.signal.aborted && isAbortError(thrown) ? abortFault(this.signal) : Fault.from(thrown);
  }

  #cancelled(): void {
    // grpc-js says `cancelled` at the end of every call, also of one that was answered.
    if (this.#ended) return;
    const expired = this.deadline !== undefined && this.deadline.getTime() <= Date.now();
    const fault = expired
      ? new Fault('DEADLINE_EXCEEDED', `the deadline of ${this.method} passed before it was done; raise the timeout and retry`, {
          method: this.method,
        })
      : new Fault('OPERATION_CANCELLED', `${this.method} was cancelled by its caller`, { method: this.method });
    this.end(fault);
    this.#controller.abort(fault);
  }
}

function isAbortError(thrown: unknown): boolean {
  return thrown instanceof Error && (thrown.name === 'AbortError' || thrown.name === 'TimeoutError');
}

function matching(metadata: Metadata, key: string, form: RegExp): string | undefined {
  const [value] = metadata.get(key);
  return typeof value === 'string' && form.test(value) ? value : undefined;
}

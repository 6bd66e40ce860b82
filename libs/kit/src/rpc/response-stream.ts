import type { ClientDuplexStream, ClientReadableStream } from '@grpc/grpc-js';
import { abortFault, Fault } from '@virtmesh/base';
import { faultFromServiceError } from '../status.ts';

type StreamCall = ClientReadableStream<unknown> | ClientDuplexStream<unknown, unknown>;

/** The responses of a stream. Leaving the iteration cancels the call, also while it waits. */
export class ResponseStream implements AsyncIterableIterator<unknown> {
  readonly #method: string;
  readonly #signal: AbortSignal | undefined;
  readonly #begin: (fail: (thrown: unknown) => void) => StreamCall;
  #call: StreamCall | undefined;
  #messages: AsyncIterator<unknown> | undefined;
  #failure: { readonly thrown: unknown } | undefined;
  #left = false;
  readonly #cancel = (): void => this.#call?.cancel();

  /** `begin` makes the call, at the first read; `fail` ends it with what the caller's side did wrong. */
  constructor(method: string, signal: AbortSignal | undefined, begin: (fail: (thrown: unknown) => void) => StreamCall) {
    this.#method = method;
    this.#signal = signal;
    this.#begin = begin;
  }

  async next(): Promise<IteratorResult<unknown>> {
    if (this.#left) return { value: undefined, done: true };
    if (this.#signal?.aborted) throw this.#leaveWith(abortFault(this.#signal));
    try {
      const next = await this.#open().next();
      if (this.#left) return { value: undefined, done: true };
      if (next.done === true) this.#leave();
      return next;
    } catch (thrown) {
      if (this.#left) return { value: undefined, done: true };
      throw this.#leaveWith(this.#faultOf(thrown));
    }
  }

  return(): Promise<IteratorResult<unknown>> {
    this.#leave();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #open(): AsyncIterator<unknown> {
    if (this.#messages !== undefined) return this.#messages;
    const call = this.#begin((thrown) => {
      this.#failure = { thrown };
      call.cancel();
    });
    this.#call = call;
    // After the reader has left, the status of the cancelled call concerns nobody; unheard, it would end the process.
    call.on('error', () => undefined);
    this.#signal?.addEventListener('abort', this.#cancel, { once: true });
    this.#messages = call[Symbol.asyncIterator]();
    return this.#messages;
  }

  #leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#signal?.removeEventListener('abort', this.#cancel);
    this.#call?.cancel();
  }

  #leaveWith(fault: Fault): Fault {
    this.#leave();
    return fault;
  }

  #faultOf(thrown: unknown): Fault {
    if (this.#failure !== undefined) return Fault.from(this.#failure.thrown);
    if (this.#signal?.aborted) return abortFault(this.#signal);
    if (thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'number' && 'details' in thrown && 'metadata' in thrown) {
      return faultFromServiceError(thrown as Parameters<typeof faultFromServiceError>[0], this.#method);
    }
    return Fault.from(thrown);
  }
}

import { type ChannelInterface, Client as GrpcClient, type ClientDuplexStream, type ClientReadableStream, credentials, Metadata } from '@grpc/grpc-js';
import { abortFault, Fault } from '@virtmesh/base';
import { faultFromServiceError } from '../status.ts';
import type { AnyMethod, ServiceDefinition } from './method.ts';

export interface CallOptions {
  /** Cancels the call. */
  readonly signal?: AbortSignal;
  /** How long the call may take; 30 s for a unary call if left out, without end for a stream. */
  readonly timeoutMs?: number;
  readonly metadata?: Metadata;
}

type UnaryCall<M extends AnyMethod> = (request: ClientRequest<M>, options?: CallOptions) => Promise<ClientResponse<M>>;
type ServerStreamCall<M extends AnyMethod> = (request: ClientRequest<M>, options?: CallOptions) => AsyncIterableIterator<ClientResponse<M>>;
type BidiCall<M extends AnyMethod> = (requests: AsyncIterable<ClientRequest<M>>, options?: CallOptions) => AsyncIterableIterator<ClientResponse<M>>;
type ClientRequest<M extends AnyMethod> = Parameters<M['requestSerialize']>[0];
type ClientResponse<M extends AnyMethod> = ReturnType<M['responseDeserialize']>;

/** The methods of a service as functions. A stream's call begins when it is first read, and ends when its reader leaves. */
export type Client<D extends ServiceDefinition> = {
  readonly [M in keyof D]: D[M]['requestStream'] extends false
    ? D[M]['responseStream'] extends false ? UnaryCall<D[M]> : ServerStreamCall<D[M]>
    : BidiCall<D[M]>;
};

export interface ClientSettings {
  /** The deadline of a unary call that names none; 30 s if left out. */
  readonly timeoutMs?: number;
  /** Sent with every call that brings no metadata of its own. */
  readonly metadata?: Metadata;
}

/** A typed client of one service. Failures arrive as Fault. Every unary call has a deadline. */
export function createClient<D extends ServiceDefinition>(definition: D, channel: ChannelInterface, settings: ClientSettings = {}): Client<D> {
  const grpc = new GrpcClient('', credentials.createInsecure(), { channelOverride: channel });
  const calls = Object.entries<AnyMethod>(definition).map(([key, method]) => [key, callOf(grpc, method, settings)] as const);
  return Object.fromEntries(calls) as unknown as Client<D>;
}

function callOf(grpc: GrpcClient, method: AnyMethod, settings: ClientSettings): unknown {
  if (method.requestStream) return (requests: AsyncIterable<unknown>, options?: CallOptions) => bidi(grpc, erased(method), settings, requests, options);
  if (method.responseStream) return (request: unknown, options?: CallOptions) => serverStream(grpc, erased(method), settings, request, options);
  return (request: unknown, options?: CallOptions) => unary(grpc, erased(method), settings, request, options);
}

interface ErasedMethod {
  readonly path: string;
  readonly requestSerialize: (value: unknown) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => unknown;
}

/** `Client<D>` has checked the types at the call. */
const erased = (method: AnyMethod): ErasedMethod => method as unknown as ErasedMethod;

function unary(grpc: GrpcClient, method: ErasedMethod, settings: ClientSettings, request: unknown, options: CallOptions = {}): Promise<unknown> {
  const { signal } = options;
  if (signal?.aborted) return Promise.reject(abortFault(signal));
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + (options.timeoutMs ?? settings.timeoutMs ?? 30_000);
    const call = grpc.makeUnaryRequest(method.path, method.requestSerialize, method.responseDeserialize, request, options.metadata ?? settings.metadata ?? new Metadata(), { deadline }, (error, response) => {
      signal?.removeEventListener('abort', cancel);
      if (error === null) resolve(response);
      else reject(signal?.aborted ? abortFault(signal) : faultFromServiceError(error, method.path.slice(1)));
    });
    const cancel = (): void => call.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
  });
}

function serverStream(grpc: GrpcClient, method: ErasedMethod, settings: ClientSettings, request: unknown, options: CallOptions = {}): AsyncIterableIterator<unknown> {
  return new ResponseStream(method, options, () => grpc.makeServerStreamRequest(method.path, method.requestSerialize, method.responseDeserialize, request, options.metadata ?? settings.metadata ?? new Metadata(), deadlineOf(options)));
}

function bidi(grpc: GrpcClient, method: ErasedMethod, settings: ClientSettings, requests: AsyncIterable<unknown>, options: CallOptions = {}): AsyncIterableIterator<unknown> {
  return new ResponseStream(method, options, (fail) => {
    const call = grpc.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize, options.metadata ?? settings.metadata ?? new Metadata(), deadlineOf(options));
    void sendAll(call, requests).catch(fail);
    return call;
  });
}

function deadlineOf(options: CallOptions): { deadline?: number } {
  return options.timeoutMs === undefined ? {} : { deadline: Date.now() + options.timeoutMs };
}

/** Sends requests no faster than the server reads them, until they or the call end. */
async function sendAll(call: ClientDuplexStream<unknown, unknown>, requests: AsyncIterable<unknown>): Promise<void> {
  const iterator = requests[Symbol.asyncIterator]();
  let over = false;
  const wake = { drain: (): void => undefined };
  call.once('status', () => {
    over = true;
    wake.drain();
    // A source that waits for more learns that nobody takes it any more.
    void iterator.return?.().catch(() => undefined);
  });
  call.on('drain', () => wake.drain());
  for (let next = await iterator.next(); next.done !== true && !over; next = await iterator.next()) {
    if (!call.write(next.value)) {
      await new Promise<void>((resolve) => {
        wake.drain = resolve;
        if (over) resolve();
      });
    }
  }
  if (!over) call.end();
}

/** The responses of a stream. Leaving the iteration cancels the call, also while it waits. */
class ResponseStream implements AsyncIterableIterator<unknown> {
  readonly #method: ErasedMethod;
  readonly #signal: AbortSignal | undefined;
  readonly #begin: (fail: (thrown: unknown) => void) => ClientReadableStream<unknown> | ClientDuplexStream<unknown, unknown>;
  #call: ClientReadableStream<unknown> | ClientDuplexStream<unknown, unknown> | undefined;
  #messages: AsyncIterator<unknown> | undefined;
  #failure: { readonly thrown: unknown } | undefined;
  #left = false;
  readonly #cancel = (): void => this.#call?.cancel();

  constructor(method: ErasedMethod, options: CallOptions, begin: (fail: (thrown: unknown) => void) => ClientReadableStream<unknown> | ClientDuplexStream<unknown, unknown>) {
    this.#method = method;
    this.#signal = options.signal;
    this.#begin = begin;
  }

  async next(): Promise<IteratorResult<unknown>> {
    if (this.#left) return { value: undefined, done: true };
    if (this.#signal?.aborted) throw this.#leave(abortFault(this.#signal));
    try {
      const next = await this.#open().next();
      if (this.#left) return { value: undefined, done: true };
      if (next.done === true) this.#leave();
      return next;
    } catch (thrown) {
      if (this.#left) return { value: undefined, done: true };
      throw this.#leave(this.#faultOf(thrown));
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

  #leave<T>(result?: T): T | undefined {
    if (!this.#left) {
      this.#left = true;
      this.#signal?.removeEventListener('abort', this.#cancel);
      this.#call?.cancel();
    }
    return result;
  }

  #faultOf(thrown: unknown): Fault {
    if (this.#failure !== undefined) return Fault.from(this.#failure.thrown);
    if (this.#signal?.aborted) return abortFault(this.#signal);
    if (thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'number' && 'details' in thrown && 'metadata' in thrown) {
      return faultFromServiceError(thrown as Parameters<typeof faultFromServiceError>[0], this.#method.path.slice(1));
    }
    return Fault.from(thrown);
  }
}

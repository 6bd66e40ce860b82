import { type ChannelInterface, Client as GrpcClient, credentials, Metadata } from '@grpc/grpc-js';
import { abortFault } from '@virtmesh/base';
import { faultFromServiceError } from '../status.ts';
import type { AnyMethod, ServiceDefinition } from './method.ts';
import { ResponseStream } from './response-stream.ts';
import { sendAll } from './send-requests.ts';

export interface CallOptions {
  /** Cancels the call. */
  readonly signal?: AbortSignal;
  /** How long the call may take; 30 s for a unary call if left out, without end for a stream. */
  readonly timeoutMs?: number;
  readonly metadata?: Metadata;
}

type UnaryCall<M extends AnyMethod> = (request: ClientRequest<M>, options?: CallOptions) => Promise<ClientResponse<M>>;
type ServerStreamCall<M extends AnyMethod> = (request: ClientRequest<M>, options?: CallOptions) => AsyncIterableIterator<ClientResponse<M>>;
type BidiCall<M extends AnyMethod> = (
  requests: AsyncIterable<ClientRequest<M>>,
  options?: CallOptions,
) => AsyncIterableIterator<ClientResponse<M>>;
type ClientRequest<M extends AnyMethod> = Parameters<M['requestSerialize']>[0];
type ClientResponse<M extends AnyMethod> = ReturnType<M['responseDeserialize']>;

/** The methods of a service as functions. A stream's call begins when it is first read, and ends when its reader leaves. */
export type Client<D extends ServiceDefinition> = {
  readonly [M in keyof D]: D[M]['requestStream'] extends false
    ? D[M]['responseStream'] extends false
      ? UnaryCall<D[M]>
      : ServerStreamCall<D[M]>
    : BidiCall<D[M]>;
};

export interface ClientSettings {
  /** The deadline of a unary call that names none; 30 s if left out. */
  readonly timeoutMs?: number;
  /** Sent with every call that brings no metadata of its own. */
  readonly metadata?: Metadata;
}

/** A typed client of one service. Failures arrive as Fault. Every unary call has a deadline. */
export function createClient<D extends ServiceDefinition>(
  definition: D,
  channel: ChannelInterface,
  settings: ClientSettings = {},
): Client<D> {
  const grpc = new GrpcClient('', credentials.createInsecure(), { channelOverride: channel });
  const calls = Object.entries<AnyMethod>(definition).map(([key, method]) => [key, callOf(grpc, method, settings)] as const);
  return Object.fromEntries(calls) as unknown as Client<D>;
}

function callOf(grpc: GrpcClient, method: AnyMethod, settings: ClientSettings): unknown {
  if (method.requestStream)
    return (requests: AsyncIterable<unknown>, options?: CallOptions) => bidi(grpc, erased(method), settings, requests, options);
  if (method.responseStream)
    return (request: unknown, options?: CallOptions) => serverStream(grpc, erased(method), settings, request, options);
  return (request: unknown, options?: CallOptions) => unary(grpc, erased(method), settings, request, options);
}

interface ErasedMethod {
  readonly path: string;
  readonly requestSerialize: (value: unknown) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => unknown;
}

/** `Client<D>` has checked the types at the call. */
const erased = (method: AnyMethod): ErasedMethod => method as unknown as ErasedMethod;

function unary(
  grpc: GrpcClient,
  method: ErasedMethod,
  settings: ClientSettings,
  request: unknown,
  options: CallOptions = {},
): Promise<unknown> {
  const { signal } = options;
  if (signal?.aborted) return Promise.reject(abortFault(signal));
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + (options.timeoutMs ?? settings.timeoutMs ?? 30_000);
    const call = grpc.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      options.metadata ?? settings.metadata ?? new Metadata(),
      { deadline },
      (error, response) => {
        signal?.removeEventListener('abort', cancel);
        if (error === null) resolve(response);
        else reject(signal?.aborted ? abortFault(signal) : faultFromServiceError(error, method.path.slice(1)));
      },
    );
    const cancel = (): void => call.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
  });
}

function serverStream(
  grpc: GrpcClient,
  method: ErasedMethod,
  settings: ClientSettings,
  request: unknown,
  options: CallOptions = {},
): AsyncIterableIterator<unknown> {
  return new ResponseStream(method.path.slice(1), options.signal, () =>
    grpc.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      options.metadata ?? settings.metadata ?? new Metadata(),
      deadlineOf(options),
    ),
  );
}

function bidi(
  grpc: GrpcClient,
  method: ErasedMethod,
  settings: ClientSettings,
  requests: AsyncIterable<unknown>,
  options: CallOptions = {},
): AsyncIterableIterator<unknown> {
  return new ResponseStream(method.path.slice(1), options.signal, (fail) => {
    const call = grpc.makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      options.metadata ?? settings.metadata ?? new Metadata(),
      deadlineOf(options),
    );
    void sendAll(call, requests).catch(fail);
    return call;
  });
}

function deadlineOf(options: CallOptions): { deadline?: number } {
  return options.timeoutMs === undefined ? {} : { deadline: Date.now() + options.timeoutMs };
}

import type { CallContext } from './context.ts';

/** One rpc as ts-proto describes it for grpc-js. A codec may be replaced, such as by one that passes bytes through. */
export interface MethodDefinition<Q, R> {
  /** `/virtmesh.domain.v1.DomainService/GetDomain` */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (value: Q) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => Q;
  readonly responseSerialize: (value: R) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => R;
}

/** A method whose message types are not known; codecs are called only with what the method's own types allow. */
export interface AnyMethod {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (value: never) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => unknown;
  readonly responseSerialize: (value: never) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => unknown;
}

/** A ts-proto `XService` object: its methods by their names in camel case. */
export type ServiceDefinition = Readonly<Record<string, AnyMethod>>;

export type UnaryHandler<Q, R> = (request: Q, context: CallContext) => Promise<R> | R;
export type ServerStreamHandler<Q, R> = (request: Q, context: CallContext) => AsyncIterable<R>;
export type BidiHandler<Q, R> = (requests: AsyncIterable<Q>, context: CallContext) => AsyncIterable<R>;

/** What a server receives as request of a method. */
type RequestOf<M extends AnyMethod> = ReturnType<M['requestDeserialize']>;
/** What a server answers to a method. */
type ResponseOf<M extends AnyMethod> = Parameters<M['responseSerialize']>[0];

type HandlerOf<M extends AnyMethod> = M['requestStream'] extends false
  ? M['responseStream'] extends false
    ? UnaryHandler<RequestOf<M>, ResponseOf<M>>
    : ServerStreamHandler<RequestOf<M>, ResponseOf<M>>
  : M['responseStream'] extends true
    ? BidiHandler<RequestOf<M>, ResponseOf<M>>
    : never;

/** One handler for every method of a service. */
export type Handlers<D extends ServiceDefinition> = { readonly [M in keyof D]: HandlerOf<D[M]> };

/** `virtmesh.domain.v1.DomainService` of `/virtmesh.domain.v1.DomainService/GetDomain`. */
export function serviceOf(path: string): string {
  return path.slice(1, path.lastIndexOf('/'));
}

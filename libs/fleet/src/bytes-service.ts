import type { MethodDefinition, ServiceDefinition } from '@virtmesh/kit';

/** A method whose messages stay encoded. */
export type BytesMethod<M extends { readonly requestStream: boolean; readonly responseStream: boolean }> = MethodDefinition<
  Buffer,
  Buffer
> &
  Pick<M, 'requestStream' | 'responseStream'>;

/** A service whose messages stay encoded. */
export type BytesService<D extends ServiceDefinition> = { readonly [M in keyof D]: BytesMethod<D[M]> };

const asIs = (bytes: Buffer): Buffer => bytes;

/** The service with messages as bytes, for clients and servers that hand them on. */
export function bytesService<D extends ServiceDefinition>(definition: D): BytesService<D> {
  const methods = Object.entries(definition).map(([key, { path, requestStream, responseStream }]) => [
    key,
    {
      path,
      requestStream,
      responseStream,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  ]);
  return Object.fromEntries(methods) as BytesService<D>;
}

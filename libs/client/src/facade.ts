import { randomUUID } from 'node:crypto';
import { Fault } from '@virtmesh/base';
import type { CallOptions, Client, ServiceDefinition } from '@virtmesh/kit/client';
import { type RetryPolicy, retrying } from './retry.ts';

export interface FacadeOptions {
  readonly retry: RetryPolicy;
  /** The deadline of a unary call that names none. */
  readonly timeoutMs: number;
  /** A failed call's fault with what this side knows of the connection. */
  readonly explain: (fault: Fault) => Promise<Fault>;
}

type AnyUnary = (request: object, options?: CallOptions) => Promise<unknown>;
type AnyStream = (request: never, options?: CallOptions) => AsyncIterableIterator<unknown>;

/**
 * A client whose calls may be repeated where that is safe: those that only read, and those with a request id, which it
 * makes for each call that has none. Streams are passed on; who follows one resumes it by its token.
 */
export function withRetries<D extends ServiceDefinition>(definition: D, client: Client<D>, options: FacadeOptions): Client<D> {
  const calls = Object.entries(definition).map(([key, method]) => {
    const call = client[key];
    if (method.requestStream || method.responseStream) return [key, explained(call as AnyStream, options)] as const;
    return [key, unary(call as AnyUnary, readsOnly(key), options)] as const;
  });
  return Object.fromEntries<unknown>(calls) as Client<D>;
}

/** Whether a method changes nothing. The contract marks them NO_SIDE_EFFECTS; a test compares this rule with the marks. */
export function readsOnly(method: string): boolean {
  return /^(get|list|wait)[A-Z]/.test(method);
}

function unary(call: AnyUnary, safe: boolean, options: FacadeOptions): AnyUnary {
  return async (request, callOptions = {}) => {
    const sent = withRequestId(request);
    const { signal } = callOptions;
    const once = (leftMs: number): Promise<unknown> => call(sent, { ...callOptions, timeoutMs: leftMs });
    const timeoutMs = callOptions.timeoutMs ?? options.timeoutMs;
    try {
      return safe || hasRequestId(sent) ? await retrying(options.retry, timeoutMs, signal, once) : await once(timeoutMs);
    } catch (thrown) {
      throw await options.explain(Fault.from(thrown));
    }
  };
}

function explained(call: AnyStream, options: FacadeOptions): AnyStream {
  return (request, callOptions) => {
    const stream = call(request, callOptions);
    return {
      next: async () => {
        try {
          return await stream.next();
        } catch (thrown) {
          throw await options.explain(Fault.from(thrown));
        }
      },
      return: async () => (await stream.return?.()) ?? { value: undefined, done: true },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  };
}

function hasRequestId(request: object): boolean {
  return 'requestId' in request && request.requestId !== '';
}

function withRequestId(request: object): object {
  return 'requestId' in request && request.requestId === '' ? { ...request, requestId: randomUUID() } : request;
}

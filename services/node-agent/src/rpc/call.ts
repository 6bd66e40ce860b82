import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { type CallContext, checkRequestId } from '@virtmesh/kit';
import type { Call } from '../domains/engine.ts';
import type { Verb } from '../domains/jobs.ts';

/** What every verb's request has. */
interface Mutation {
  readonly requestId: string;
  readonly wait?: Call['wait'];
  readonly spec?: DomainSpec | undefined;
}

/**
 * What is the same for every mutating call. The body is the request without request id and wait, its maps in order: a
 * client that repeats a call may send the entries of a map in another one.
 */
export function callOf<R extends Mutation>(
  verb: Verb,
  message: { encode(value: R): { finish(): Uint8Array } },
  request: R,
  context: CallContext,
): Call {
  const spec = request.spec && { ...request.spec, labels: sorted(request.spec.labels), metadata: sorted(request.spec.metadata) };
  const body = message.encode({ ...request, requestId: '', wait: undefined, ...(spec ? { spec } : {}) }).finish();
  return { verb, requestId: checkRequestId(request.requestId) ?? '', wait: request.wait, body, context };
}

const sorted = (map: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1)));

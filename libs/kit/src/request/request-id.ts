import { Fault, isUuid } from '@virtmesh/base';

/** The request id in lower case, undefined if there is none; REQUEST_INVALID if it is not a UUID. */
export function checkRequestId(requestId: string, field = 'request_id'): string | undefined {
  if (requestId === '') return undefined;
  const id = requestId.toLowerCase();
  if (isUuid(id)) return id;
  const description = 'must be a UUID that the caller made for this request, or left out';
  throw new Fault(
    'REQUEST_INVALID',
    `${field} ${JSON.stringify(requestId.slice(0, 100))} is not a UUID`,
    { field },
    { violations: [{ field, description }] },
  );
}

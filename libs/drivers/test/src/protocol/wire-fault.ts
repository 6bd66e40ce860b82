import { Fault, type Reason, reasonCodes } from '@virtmesh/base';
import type { WireFault } from './messages.ts';

/** Whether this version has a reason of that name. */
export const isReason = (text: string): text is Reason => Object.hasOwn(reasonCodes, text);

/** A fault with what JSON has. */
export function encodeFault({ message, metadata, reason, retryAfterMs, violations }: Fault): WireFault {
  return {
    reason,
    message,
    metadata,
    ...(violations.length > 0 ? { violations } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/** A reason that only a later simulator knows is HYPERVISOR_FAILED. */
export function decodeFault({ message, metadata, reason, retryAfterMs, violations = [] }: WireFault): Fault {
  const options = { violations, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  return isReason(reason)
    ? new Fault(reason, message, metadata, options)
    : new Fault('HYPERVISOR_FAILED', message, { ...metadata, reason }, options);
}

import { Fault, type Reason, reasonCodes } from '@virtmesh/base';
import type { WireFault } from './messages.ts';

export const isReason = (text: string): text is Reason => Object.hasOwn(reasonCodes, text);

export function encodeFault({ message, metadata, reason, retryAfterMs }: Fault): WireFault {
  return { reason, message, metadata, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** A reason that only a later simulator knows is HYPERVISOR_FAILED. */
export function decodeFault({ message, metadata, reason, retryAfterMs }: WireFault): Fault {
  return new Fault(
    isReason(reason) ? reason : 'HYPERVISOR_FAILED',
    message,
    isReason(reason) ? metadata : { ...metadata, reason },
    retryAfterMs === undefined ? {} : { retryAfterMs },
  );
}

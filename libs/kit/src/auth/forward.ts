import { Metadata } from '@grpc/grpc-js';
import { abortFault, type Clock, systemClock } from '@virtmesh/base';
import type { CallOptions } from '../rpc/client.ts';
import { type CallContext, metadataKeys } from '../rpc/context.ts';

/** What an outgoing call carries of the call that caused it: its caller, call id and trace. Needs a service's certificate. */
export function forwardMetadata(context: Pick<CallContext, 'caller' | 'callId' | 'traceparent'>): Metadata {
  const metadata = traceMetadata(context);
  metadata.set(metadataKeys.identity, context.caller.identity);
  metadata.set(metadataKeys.role, context.caller.role);
  return metadata;
}

/** The call id and trace alone, for calls that a service makes in its own name. */
export function traceMetadata(context: Pick<CallContext, 'callId' | 'traceparent'>): Metadata {
  const metadata = new Metadata();
  metadata.set(metadataKeys.callId, context.callId);
  if (context.traceparent !== undefined) metadata.set(metadataKeys.traceparent, context.traceparent);
  return metadata;
}

/** How long before its caller's deadline an outgoing call ends, so that its failure can still be told. */
const deadlineMarginMs = 50;

/** Options of an outgoing call made for a caller: who it is, its cancellation, and its deadline or `timeoutMs`, whichever is sooner. */
export function forwardOptions(context: CallContext, options: { readonly timeoutMs?: number; readonly clock?: Clock } = {}): CallOptions {
  const left =
    context.deadline === undefined
      ? Infinity
      : context.deadline.getTime() - (options.clock ?? systemClock).now().getTime() - deadlineMarginMs;
  if (context.signal.aborted) throw abortFault(context.signal);
  const timeoutMs = Math.max(1, Math.min(left, options.timeoutMs ?? Infinity));
  return { signal: context.signal, metadata: forwardMetadata(context), ...(Number.isFinite(timeoutMs) ? { timeoutMs } : {}) };
}

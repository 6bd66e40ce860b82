import { Metadata, type ServiceError } from '@grpc/grpc-js';
import { Code, Fault, type Reason, reasonCodes, type Violation } from '@virtmesh/base';
import { Any } from '@virtmesh/contracts/google/protobuf/any';
import { BadRequest, ErrorInfo, RetryInfo } from '@virtmesh/contracts/google/rpc/error_details';
import { Status } from '@virtmesh/contracts/google/rpc/status';
import { durationFromMs, durationToMs } from './request/duration.ts';

// The one place where a Fault becomes a google.rpc.Status and a Status becomes a Fault.

export const errorDomain = 'virtmesh';
const detailsKey = 'grpc-status-details-bin';
const typeUrl = (name: string): string => `type.googleapis.com/google.rpc.${name}`;

/** gRPC servers and proxies refuse trailers beyond 8 KiB; base64 makes 4 bytes of 3. */
const maxMessageLength = 1024;
const maxValueLength = 1024;
const maxDetailsBytes = 4500;

/** What the other end of a call said, where that is not wholly in the Fault: it stands in the Fault as `cause`. */
export class PeerStatus extends Error {
  override readonly name = 'PeerStatus';
  /** The gRPC code as received or, where no answer came, as the client library made it. */
  readonly code: Code;
  /** The reason that the peer gave; undefined if it gave none, such as where the connection failed. */
  readonly reason: string | undefined;

  constructor(code: Code, details: string, reason: string | undefined) {
    super(details);
    this.code = code;
    this.reason = reason;
  }
}

/** What the peer said, if the Fault came from one that gave no reason that is known here. */
export function peerStatus(fault: Fault): PeerStatus | undefined {
  return fault.cause instanceof PeerStatus ? fault.cause : undefined;
}

/** A Fault as google.rpc.Status, whole. */
export function statusFromFault(fault: Fault): Status {
  const peer = peerStatus(fault);
  const details = [
    packed(
      'ErrorInfo',
      ErrorInfo.encode(
        ErrorInfo.fromPartial({ reason: peer?.reason ?? fault.reason, domain: errorDomain, metadata: { ...fault.metadata } }),
      ).finish(),
    ),
  ];
  if (fault.violations.length > 0) {
    details.push(
      packed(
        'BadRequest',
        BadRequest.encode(
          BadRequest.fromPartial({ fieldViolations: fault.violations.map((v) => ({ field: v.field, description: v.description })) }),
        ).finish(),
      ),
    );
  }
  if (fault.retryAfterMs !== undefined) {
    details.push(packed('RetryInfo', RetryInfo.encode(RetryInfo.fromPartial({ retryDelay: durationFromMs(fault.retryAfterMs) })).finish()));
  }
  return Status.fromPartial({ code: peer?.reason === undefined ? fault.code : peer.code, message: fault.message.toWellFormed(), details });
}

/**
 * A google.rpc.Status as Fault. A reason that this release does not know becomes the general one of its code, with the
 * peer's own in `peer_reason` and in `peerStatus()`.
 */
export function faultFromStatus(status: Status): Fault {
  const parts = unpacked(status);
  const info = parts.info;
  const known = info !== undefined && info.domain === errorDomain && isReason(info.reason) ? info.reason : undefined;
  const options = {
    ...(parts.violations.length > 0 ? { violations: parts.violations } : {}),
    ...(parts.retryAfterMs === undefined ? {} : { retryAfterMs: parts.retryAfterMs }),
  };
  if (known !== undefined) return new Fault(known, status.message, { ...info?.metadata }, options);
  const code = knownCode(status.code);
  const own = info?.reason === undefined || info.reason === '' ? {} : { peer_reason: info.reason };
  const metadata = { ...info?.metadata, ...own, rpc_code: codeName(code) };
  return new Fault(generalReason(code), status.message, metadata, {
    ...options,
    cause: new PeerStatus(code, status.message, info?.reason || undefined),
  });
}

/** What grpc-js sends for a Fault: code, message and details, kept within what trailers may hold. */
export function serviceErrorFromFault(fault: Fault): { code: number; details: string; metadata: Metadata } {
  const status = statusFromFault(trimmed(fault));
  const metadata = new Metadata();
  metadata.set(detailsKey, Buffer.from(Status.encode(status).finish()));
  return { code: status.code, details: status.message, metadata };
}

/** What a call of grpc-js threw, as Fault. */
export function faultFromServiceError(error: ServiceError, method?: string): Fault {
  const [bytes] = error.metadata?.get(detailsKey) ?? [];
  if (Buffer.isBuffer(bytes)) {
    try {
      return faultFromStatus(Status.decode(bytes));
    } catch {
      // Not a Status: the code and the text are all there is.
    }
  }
  const code = knownCode(error.code);
  const metadata = { rpc_code: codeName(code), ...(method === undefined ? {} : { method }) };
  return new Fault(generalReason(code), bareMessage(code, error.details || error.message, method), metadata, {
    cause: new PeerStatus(code, error.details, undefined),
  });
}

function bareMessage(code: Code, details: string, method: string | undefined): string {
  const call = method === undefined ? 'the call' : method;
  if (code === Code.DEADLINE_EXCEEDED)
    return `${call} did not end before its deadline; what it began may go on: look before you retry, or raise the timeout`;
  if (code === Code.CANCELLED) return `${call} was cancelled`;
  if (code === Code.UNIMPLEMENTED)
    return `the server does not have ${call}: it may be of another release, or not serve this part of the contract`;
  return details === '' ? `${call} failed with ${codeName(code)}` : details;
}

/** The name of a gRPC code, such as `NOT_FOUND`. */
export function codeName(code: Code): keyof typeof Code {
  const names = Object.keys(Code) as (keyof typeof Code)[];
  return names.find((name) => Code[name] === code) ?? 'UNKNOWN';
}

function knownCode(code: number): Code {
  return Object.values(Code).find((known) => known === code) ?? Code.UNKNOWN;
}

function isReason(text: string): text is Reason {
  return Object.hasOwn(reasonCodes, text);
}

/** The reason for a code that came without one of ours. Codes whose reasons all name a kind of object are not guessed at. */
function generalReason(code: Code): Reason {
  switch (code) {
    case Code.CANCELLED:
      return 'OPERATION_CANCELLED';
    case Code.INVALID_ARGUMENT:
      return 'REQUEST_INVALID';
    case Code.DEADLINE_EXCEEDED:
      return 'DEADLINE_EXCEEDED';
    case Code.PERMISSION_DENIED:
      return 'PERMISSION_DENIED';
    case Code.RESOURCE_EXHAUSTED:
      return 'LIMIT_EXCEEDED';
    case Code.FAILED_PRECONDITION:
      return 'STATE_INVALID';
    case Code.UNIMPLEMENTED:
      return 'FEATURE_UNSUPPORTED';
    case Code.UNAVAILABLE:
      return 'SERVER_UNREACHABLE';
    case Code.UNAUTHENTICATED:
      return 'UNAUTHENTICATED';
    case Code.DATA_LOSS:
      return 'RECORD_CORRUPT';
    default:
      return 'INTERNAL_BUG';
  }
}

function packed(name: string, value: Uint8Array): Any {
  return Any.fromPartial({ typeUrl: typeUrl(name), value: Buffer.from(value) });
}

function unpacked(status: Status): { info: ErrorInfo | undefined; violations: Violation[]; retryAfterMs: number | undefined } {
  let info: ErrorInfo | undefined;
  let violations: Violation[] = [];
  let retryAfterMs: number | undefined;
  for (const detail of status.details) {
    if (detail.typeUrl === typeUrl('ErrorInfo')) info = ErrorInfo.decode(detail.value);
    else if (detail.typeUrl === typeUrl('BadRequest'))
      violations = BadRequest.decode(detail.value).fieldViolations.map(({ field, description }) => ({ field, description }));
    else if (detail.typeUrl === typeUrl('RetryInfo')) {
      const delay = RetryInfo.decode(detail.value).retryDelay;
      if (delay !== undefined) retryAfterMs = durationToMs(delay);
    }
  }
  return { info, violations, retryAfterMs };
}

/** The Fault with its longest parts shortened so that it fits into trailers; the same one where it fits. */
function trimmed(fault: Fault): Fault {
  const message = shortened(fault.message, maxMessageLength);
  if (message === fault.message && Status.encode(statusFromFault(fault)).finish().length <= maxDetailsBytes) return fault;
  let room = maxDetailsBytes - 2 * message.length - 200;
  const metadata: Record<string, string> = {};
  for (const [key, value] of Object.entries(fault.metadata)) {
    const kept = shortened(value, Math.min(maxValueLength, Math.max(0, room - 600 - key.length)));
    if (kept === '' && value !== '') continue;
    metadata[key] = kept;
    room -= byteLength(key) + byteLength(kept) + 12;
  }
  const violations: Violation[] = [];
  for (const violation of fault.violations) {
    const kept = { field: shortened(violation.field, 200), description: shortened(violation.description, 300) };
    room -= byteLength(kept.field) + byteLength(kept.description) + 12;
    if (room < 0) break;
    violations.push(kept);
  }
  if (violations.length < fault.violations.length) metadata['violations_omitted'] = String(fault.violations.length - violations.length);
  return new Fault(fault.reason, message, metadata, {
    violations,
    ...(fault.retryAfterMs === undefined ? {} : { retryAfterMs: fault.retryAfterMs }),
    ...(fault.cause === undefined ? {} : { cause: fault.cause }),
  });
}

const byteLength = (text: string): number => Buffer.byteLength(text);

/** The text, or its beginning with an ellipsis, within a number of percent-encoded bytes. */
function shortened(text: string, maxBytes: number): string {
  const whole = text.toWellFormed();
  if (encodeURI(whole).length <= maxBytes) return whole;
  let size = 0;
  let kept = '';
  for (const character of whole) {
    size += encodeURI(character).length;
    if (size > maxBytes - 9) break;
    kept += character;
  }
  return maxBytes < 10 ? '' : `${kept}…`;
}

import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http2';
import { Metadata, type ServiceError } from '@grpc/grpc-js';
import { Code, Fault, type Reason, reasonCodes } from '@virtmesh/base';
import { Reason as ProtoReason } from '@virtmesh/contracts/error/v1/reason';
import { Any } from '@virtmesh/contracts/google/protobuf/any';
import { ErrorInfo } from '@virtmesh/contracts/google/rpc/error_details';
import { Status } from '@virtmesh/contracts/google/rpc/status';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { codeName, faultFromServiceError, faultFromStatus, peerStatus, serviceErrorFromFault, statusFromFault } from './status.ts';

const reasons = Object.keys(reasonCodes) as Reason[];
const words = fc.string({ maxLength: 40, unit: 'grapheme' }).filter((text) => text.isWellFormed());

const faults = fc
  .record({
    reason: fc.constantFrom(...reasons),
    message: words,
    metadata: fc.dictionary(fc.stringMatching(/^[a-z][a-z_]{0,11}$/), words, { maxKeys: 5 }),
    violations: fc.array(fc.record({ field: words, description: words }), { maxLength: 6 }),
    retryAfterMs: fc.option(fc.integer({ min: 0, max: 86_400_000 }), { nil: undefined }),
  })
  .map(
    ({ reason, message, metadata, violations, retryAfterMs }) =>
      new Fault(reason, message, metadata, { violations, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }),
  );

const facts = (fault: Fault): unknown => ({
  reason: fault.reason,
  code: fault.code,
  message: fault.message,
  metadata: { ...fault.metadata },
  violations: fault.violations,
  retryAfterMs: fault.retryAfterMs,
});

/** Over the wire and back, as grpc-js carries it. */
function overTheWire(fault: Fault): { fault: Fault; headerBytes: number } {
  const sent = serviceErrorFromFault(fault);
  const headers = sent.metadata.toHttp2Headers();
  const error: ServiceError = Object.assign(new Error(sent.details), {
    code: sent.code,
    details: sent.details,
    metadata: Metadata.fromHttp2Headers(headers as IncomingHttpHeaders),
  });
  const text = [...Object.entries(headers).map(([key, value]) => `${key}${String(value)}`), encodeURI(sent.details)].join('');
  return { fault: faultFromServiceError(error), headerBytes: text.length };
}

test('a fault is the same after its way through a status and through the trailers', () => {
  fc.assert(
    fc.property(faults, (fault) => {
      expect(facts(faultFromStatus(Status.decode(Status.encode(statusFromFault(fault)).finish())))).toEqual(facts(fault));
      expect(facts(overTheWire(fault).fault)).toEqual(facts(fault));
    }),
  );
});

test('whatever a fault holds, its trailers stay below 8 KiB, and the reason and the first violation survive', () => {
  const long = fc.string({ minLength: 0, maxLength: 20_000, unit: fc.constantFrom('a', 'ü', '€', '😀', '\n', '%', '\uD800') });
  fc.assert(
    fc.property(long, long, fc.integer({ min: 0, max: 400 }), (message, value, count) => {
      const violations = Array.from({ length: count }, (_, index) => ({ field: `spec.disks[${index}]`, description: value.slice(0, 50) }));
      const fault = new Fault('SPEC_INVALID', message, { stderr: value, driver: 'qemu', [`k${value.slice(0, 10)}`]: 'v' }, { violations });
      const back = overTheWire(fault);
      expect(back.headerBytes).toBeLessThan(8192);
      expect(back.fault.reason).toBe('SPEC_INVALID');
      expect(back.fault.metadata['driver']).toBe('qemu');
      if (count > 0) expect(back.fault.violations[0]?.field).toBe('spec.disks[0]');
      if (back.fault.violations.length < count)
        expect(back.fault.metadata['violations_omitted']).toBe(String(count - back.fault.violations.length));
    }),
    { numRuns: 60 },
  );
});

test('a reason of a newer release keeps its code and its name, also when it is passed on', () => {
  const info = ErrorInfo.fromPartial({ reason: 'VOLUME_NOT_FOUND', domain: 'virtmesh', metadata: { volume: 'v' } });
  const status = Status.fromPartial({
    code: Code.NOT_FOUND,
    message: 'no volume v',
    details: [
      Any.fromPartial({ typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value: Buffer.from(ErrorInfo.encode(info).finish()) }),
    ],
  });
  const fault = faultFromStatus(status);
  expect(fault).toMatchObject({
    message: 'no volume v',
    metadata: { volume: 'v', peer_reason: 'VOLUME_NOT_FOUND', rpc_code: 'NOT_FOUND' },
  });
  expect(peerStatus(fault)).toMatchObject({ code: Code.NOT_FOUND, reason: 'VOLUME_NOT_FOUND' });
  const forwarded = faultFromStatus(statusFromFault(fault));
  expect(forwarded.metadata).toMatchObject({ peer_reason: 'VOLUME_NOT_FOUND', rpc_code: 'NOT_FOUND' });
  expect(statusFromFault(fault).code).toBe(Code.NOT_FOUND);
});

test.each([
  ['CANCELLED', 'OPERATION_CANCELLED'],
  ['UNKNOWN', 'INTERNAL_BUG'],
  ['INVALID_ARGUMENT', 'REQUEST_INVALID'],
  ['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED'],
  ['NOT_FOUND', 'INTERNAL_BUG'],
  ['PERMISSION_DENIED', 'PERMISSION_DENIED'],
  ['RESOURCE_EXHAUSTED', 'LIMIT_EXCEEDED'],
  ['UNIMPLEMENTED', 'FEATURE_UNSUPPORTED'],
  ['UNAVAILABLE', 'SERVER_UNREACHABLE'],
  ['UNAUTHENTICATED', 'UNAUTHENTICATED'],
  ['DATA_LOSS', 'RECORD_CORRUPT'],
  ['FAILED_PRECONDITION', 'STATE_INVALID'],
] as const)('a bare %s becomes %s, and the code as received can be asked for', (name, reason) => {
  const error: ServiceError = Object.assign(new Error('x'), { code: Code[name], details: 'its words', metadata: new Metadata() });
  const fault = faultFromServiceError(error, 'a.B/C');
  expect(fault.reason).toBe(reason);
  expect(fault.metadata['rpc_code']).toBe(name);
  expect(peerStatus(fault)).toMatchObject({ code: Code[name], reason: undefined, message: 'its words' });
});

test('details that are no status are passed over', () => {
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from([0xff, 0xff, 0xff]));
  const error: ServiceError = Object.assign(new Error('x'), { code: 9, details: 'words', metadata });
  expect(faultFromServiceError(error)).toMatchObject({ reason: 'STATE_INVALID', message: 'words' });
});

test('the contract and the code name the same reasons', () => {
  const named = Object.keys(ProtoReason).filter((name) => !['REASON_UNSPECIFIED', 'UNSPECIFIED', 'UNRECOGNIZED'].includes(name));
  expect(named.toSorted()).toEqual(reasons.toSorted());
});

test('the contract says of every reason the code that it has', () => {
  const proto = readFileSync(new URL('../../../proto/virtmesh/error/v1/reason.proto', import.meta.url), 'utf8');
  const said = new Map<string, string>();
  for (const [, code, name] of proto.matchAll(/\/\/ ([A-Z_]+): (?:.|\n {2}\/\/ )*\n {2}REASON_([A-Z_]+) = \d+;/g))
    if (code !== undefined && name !== undefined) said.set(name, code);
  expect(Object.fromEntries(said)).toEqual(Object.fromEntries(reasons.map((reason) => [reason, codeName(reasonCodes[reason])])));
});

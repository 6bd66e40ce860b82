import { once } from 'node:events';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { Code } from '@virtmesh/base';
import { CreateDomainRequest, DomainView, GetDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agentMarks } from '../support/agent-marks.ts';
import { idleMachine } from '../support/domain-specs.ts';
import { RawCalls } from '../support/raw-calls.ts';
import { TestSystem } from '../support/system.ts';
import type { TestClient } from '../support/test-client.ts';

let system: TestSystem;
let client: TestClient;
let raw: RawCalls;
beforeAll(async () => {
  system = await TestSystem.start();
  client = await system.client();
  raw = new RawCalls(system.agentSocket);
});
afterAll(async () => {
  raw[Symbol.dispose]();
  await system[Symbol.asyncDispose]();
});

const create = (id: string, spec: DomainSpec): Buffer =>
  Buffer.from(
    CreateDomainRequest.encode(
      CreateDomainRequest.fromPartial({ parent: 'nodes/n1', domainId: id, spec, wait: { seconds: 20n } }),
    ).finish(),
  );
const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);
/** A field of 1,000: no message of the contract has so many. */
const unknownFields = Buffer.from([
  ...[...varint(8000), ...varint(300)],
  ...[...varint(8001), 1, 2, 3, 4, 5, 6, 7, 8],
  ...[...varint(8002), 3, 1, 2, 3],
  ...[...varint(8003), ...varint(8000), 1, ...varint(8004)],
  ...[...varint(8005), 1, 2, 3, 4],
]);

/** What no message can be, whatever its type is. */
const malformed: readonly (readonly [what: string, bytes: Buffer])[] = [
  ['a length beyond the end', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0x7f, 1])],
  ['a length that is cut off', Buffer.from([0x0a, 0x80])],
  ['a number without end', Buffer.from([0x08, ...Array.from({ length: 20 }, () => 0xff)])],
  ['field number 0', Buffer.from([0x00, 0x00])],
  ['a wire type that there is not', Buffer.from([0x0f, 0x00])],
  ['a group that does not end', Buffer.from([...varint(8003), ...varint(8000), 1])],
  ['the end of a group that did not begin', Buffer.from(varint(8004))],
  ['groups within groups', Buffer.concat(Array.from({ length: 100_000 }, () => Buffer.from(varint(8003))))],
];

describe('bytes that are no message', () => {
  it.each(malformed)('are refused by every method and leave nothing: %s', async (_what, bytes) => {
    const before = await agentMarks(system, client.connection);
    const answers = await Promise.all(raw.methods.map(async (method) => [method, (await raw.call(method, bytes)).fault?.reason] as const));
    expect(answers).toEqual(raw.methods.map((method) => [method, 'REQUEST_INVALID']));
    expect(await agentMarks(system, client.connection)).toEqual(before);
  });

  it('are refused or understood, wherever a message is cut off or a byte of it is another one', { timeout: 120_000 }, async () => {
    const whole = create('cut', idleMachine({ serials: [{}], labels: { a: 'b' }, disks: [] }));
    const before = await agentMarks(system, client.connection);
    const change = fc.record({ at: fc.nat({ max: whole.length - 1 }), cut: fc.boolean(), byte: fc.nat({ max: 255 }) });
    await fc.assert(
      fc.asyncProperty(change, async ({ at, byte, cut }) => {
        const bytes = cut ? whole.subarray(0, at) : Buffer.concat([whole.subarray(0, at), Buffer.from([byte]), whole.subarray(at + 1)]);
        const { fault } = await raw.call('createDomain', bytes);
        if (fault === undefined) {
          for (const { name } of (await client.list({ parent: 'nodes/-' })).domains) await client.remove(name.split('/').at(-1) ?? '');
        } else expect([Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.UNIMPLEMENTED], fault.message).toContain(fault.code);
      }),
      { numRuns: 300 },
    );
    const { domains, files, processes } = await agentMarks(system, client.connection);
    expect({ domains, files, processes }).toEqual({ domains: before.domains, files: before.files, processes: before.processes });
  });

  it('that are too many are refused before they are read', async () => {
    const { fault } = await raw.call('createDomain', create('big', idleMachine({ description: 'x'.repeat(5 * 1024 * 1024) })));
    expect(fault).toMatchObject({ reason: 'LIMIT_EXCEEDED' });
  });

  it('of many parts are refused for their number', async () => {
    const before = await agentMarks(system, client.connection);
    const many = Array.from({ length: 20_000 }, () => ({}));
    for (const [field, spec] of [
      ['spec.disks', { disks: many }],
      ['spec.channels', { channels: many }],
      ['spec.labels', { labels: Object.fromEntries(many.map((_, index) => [`k${index}`, 'v'])) }],
    ] as const) {
      const { fault } = await raw.call('createDomain', create('many', idleMachine(spec)));
      expect(fault).toMatchObject({ reason: 'SPEC_INVALID' });
      expect(fault?.violations.some((violation) => violation.field.startsWith(field))).toBe(true);
    }
    expect(await agentMarks(system, client.connection)).toEqual(before);
  });
});

describe('a message', () => {
  it('is understood with fields that are not known, in any order, given twice', async () => {
    const bytes = create('twice', idleMachine({ title: 'first' }));
    const again = CreateDomainRequest.encode(CreateDomainRequest.fromPartial({ spec: idleMachine({ title: 'second' }) })).finish();
    const { fault } = await raw.call('createDomain', Buffer.concat([unknownFields, bytes, unknownFields, again]));
    expect(fault).toBeUndefined();
    const domain = await client.get('twice');
    expect(domain.spec).toMatchObject({ title: 'second', hypervisor: 'qemu' });
    const names = await raw.call(
      'getDomain',
      Buffer.concat([unknownFields, GetDomainRequest.encode({ name: domain.name, view: DomainView.FULL }).finish()]),
    );
    expect(names.fault).toBeUndefined();
    await client.delete('twice');
  });

  it('with text that is not UTF-8 is refused, not kept as something else', async () => {
    const before = await agentMarks(system, client.connection);
    const marked = (spec: Parameters<typeof idleMachine>[0]): Buffer =>
      Buffer.from(create('bytes', idleMachine(spec)).toString('latin1').replaceAll('@@', '\xc3\x28'), 'latin1');
    for (const [field, spec] of [
      ['spec.title', { title: 'a@@' }],
      ['spec.labels', { labels: { a: '@@' } }],
      ['spec.metadata', { metadata: { 'urn:x': '@@' } }],
      ['spec.boot.kernel_args', { boot: { kernelPath: `${system.disks}/k`, kernelArgs: 'a@@' } }],
      ['spec.disks[0].source.file_path', { disks: [{ source: { source: { $case: 'filePath', value: `${system.disks}/@@` } } }] }],
      ['spec.qemu.args[0]', { qemu: { args: ['@@'] } }],
    ] as const) {
      const { fault } = await raw.call('createDomain', marked(spec as never));
      expect(fault, field).toMatchObject({ reason: 'REQUEST_INVALID' });
    }
    expect(await agentMarks(system, client.connection)).toEqual(before);
  });

  it('with keys that an object of JavaScript has is kept, or refused by field', async () => {
    const spec = idleMachine({ labels: { constructor: 'a', toString: 'b', hasOwnProperty: 'c' } });
    const bytes = create('keys', spec);
    expect((await raw.call('createDomain', bytes)).fault).toBeUndefined();
    expect((await client.get('keys')).spec?.labels).toEqual({ constructor: 'a', toString: 'b', hasOwnProperty: 'c' });
    expect((await client.list({ labels: { valueOf: 'a' } })).domains).toEqual([]);
    await client.delete('keys');
    const lost = Buffer.from(
      create('keys', idleMachine({ labels: { __key__00: 'a' } }))
        .toString('latin1')
        .replace('__key__00', '__proto__'),
      'latin1',
    );
    expect((await raw.call('createDomain', lost)).fault).toMatchObject({
      reason: 'REQUEST_INVALID',
      violations: [{ field: 'spec.labels["__proto__"]' }],
    });
  });
});

describe('a connection', () => {
  let session: ClientHttp2Session;
  beforeAll(() => {
    session = connectHttp2('http://localhost', { createConnection: () => connectSocket(system.agentSocket) });
  });
  afterAll(() => session.close());

  /** The gRPC status of a call by hand. */
  async function status(headers: Readonly<Record<string, string>>, body: Buffer = Buffer.alloc(5)): Promise<string> {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/virtmesh.node.v1.NodeService/ListNodes',
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    let told: unknown;
    for (const event of ['response', 'trailers'] as const)
      stream.on(event, (fields: Record<string, unknown>) => (told = fields['grpc-status'] ?? told));
    stream.on('error', () => (told = 'reset'));
    stream.resume().end(body);
    if (!stream.closed) await once(stream, 'close');
    return String(told);
  }

  it.each([
    ['no timeout', {}, '0'],
    ['the longest timeout of the protocol', { 'grpc-timeout': '99999999H' }, '0'],
    ['a timeout of a year', { 'grpc-timeout': '8760H' }, '0'],
    ['a timeout that has passed', { 'grpc-timeout': '0n' }, String(Code.DEADLINE_EXCEEDED)],
    ['a caller that is not one', { 'virtmesh-identity': "x' OR 1=1", 'virtmesh-role': 'raw' }, undefined],
    ['a method that there is not', { ':path': '/virtmesh.node.v1.NodeService/../../etc/passwd' }, String(Code.UNIMPLEMENTED)],
    ['a trace that is none', { traceparent: '\u{7f}'.repeat(100) }, '0'],
  ] as const)('with %s is answered as it must be', async (_what, headers, expected) => {
    const code = await status(headers);
    if (expected === undefined) expect([String(Code.INVALID_ARGUMENT), String(Code.PERMISSION_DENIED), '0']).toContain(code);
    else expect(code).toBe(expected);
  });

  it.each([
    ['a frame that is cut off', Buffer.from([0, 0, 0, 1, 0, 1])],
    ['a frame that is said to be compressed', Buffer.from([1, 0, 0, 0, 1, 0])],
    ['a frame of 4 GiB', Buffer.from([0, 255, 255, 255, 255])],
    ['no frame', Buffer.alloc(0)],
  ])('with %s is refused, and the next call is answered', async (_what, body) => {
    expect(await status({}, body)).not.toBe('0');
    expect(await status({})).toBe('0');
  });
});

import { DomainEvent } from '@virtmesh/contracts/domain/v1/domain_event';
import { NodeEvent } from '@virtmesh/contracts/node/v1/node_event';
import fc from 'fast-check';
import { headers as natsHeaders } from 'nats';
import { describe, expect, it } from 'vitest';
import { type CloudEvent, decodeCloudEvent, encodeCloudEvent } from './cloud-event.ts';
import { formatEventId, parseEventId } from './event-id.ts';
import { type EventMessage, gapType, readBody, toCloudEvent } from './event-message.ts';
import { decodeHeaderValue, encodeHeaderValue } from './header-encoding.ts';
import { headerMap } from './push-consumer.ts';

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
const attributeName = fc.stringMatching(/^x[a-z0-9]{0,15}$/);
const cloudEvent: fc.Arbitrary<CloudEvent> = fc.record(
  {
    id: text,
    source: text,
    type: text,
    subject: text,
    time: fc.date({ min: new Date('1970-01-01'), max: new Date('2999-12-31'), noInvalidDate: true }),
    datacontenttype: text,
    dataschema: text,
    extensions: fc.dictionary(attributeName, text, { noNullPrototype: true }),
    data: fc.uint8Array({ maxLength: 64 }),
  },
  { requiredKeys: ['id', 'source', 'type', 'extensions', 'data'], noNullPrototype: true },
);

describe('header values', () => {
  it('keep any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        expect(decodeHeaderValue(encodeHeaderValue(value))).toBe(value);
      }),
    );
  });

  it('cannot end a header or begin another', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        expect(encodeHeaderValue(value)).toMatch(/^[\x21-\x7e]*$/);
      }),
    );
    expect(encodeHeaderValue('a\r\nNats-Msg-Id: forged')).toBe('a%0D%0ANats-Msg-Id:%20forged');
  });

  it('are encoded as the binding says, and read leniently', () => {
    expect(encodeHeaderValue('Euro € 😀 "100%"')).toBe('Euro%20%E2%82%AC%20%F0%9F%98%80%20%22100%25%22');
    expect(decodeHeaderValue('%e2%82%ac 5% of 100')).toBe('€ 5% of 100');
  });
});

describe('CloudEvents in binary mode', () => {
  it('come back as they were, through the headers of NATS', () => {
    fc.assert(
      fc.property(cloudEvent, (event) => {
        const encoded = encodeCloudEvent(event);
        const headers = natsHeaders();
        for (const [name, value] of encoded.headers) headers.set(name, value);
        expect(decodeCloudEvent({ headers: headerMap(headers), data: encoded.data })).toEqual(event);
      }),
    );
  });

  it('refuse what CloudEvents does not allow', () => {
    const event = { id: 'i', source: 's', type: 't', extensions: {}, data: new Uint8Array() };
    expect(() => encodeCloudEvent({ ...event, id: '' })).toThrow('attribute id must not be empty');
    expect(() => encodeCloudEvent({ ...event, extensions: { 'Bad-Name': 'x' } })).toThrow(
      '"Bad-Name" is not lower-case letters and digits',
    );
    expect(() => encodeCloudEvent({ ...event, extensions: { source: 'x' } })).toThrow('has the name of an attribute');
    expect(() => decodeCloudEvent({ headers: new Map(), data: new Uint8Array() })).toThrow('ce-specversion is null');
    expect(() =>
      decodeCloudEvent({
        headers: new Map([
          ['ce-specversion', '1.0'],
          ['ce-id', 'i'],
          ['ce-type', 't'],
        ]),
        data: new Uint8Array(),
      }),
    ).toThrow('no ce-source');
    const { headers } = encodeCloudEvent(event);
    expect(() => decodeCloudEvent({ headers: new Map([...headers, ['ce-time', 'soon']]), data: new Uint8Array() })).toThrow(
      'ce-time "soon" is not a time',
    );
  });
});

describe('events of the contract', () => {
  const context = {
    id: 'u/e/7',
    source: 'nodes/n1',
    type: 'io.virtmesh.domain.started.v1',
    subject: 'nodes/n1/domains/web',
    time: new Date('2026-01-02T03:04:05.678Z'),
    nodeUid: 'u',
    epoch: 'e',
    number: 7n,
    requestor: 'CN=Bob, "the" ünusual',
    requestId: 'r1',
    operation: 'nodes/n1/operations/o1',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  };

  it('carry their attributes as headers and themselves as proto3 JSON', () => {
    const event = DomainEvent.fromPartial({
      context,
      uid: 'x',
      name: 'nodes/n1/domains/web',
      domain: { revision: 7n, labels: { a: 'b' } },
      kind: { $case: 'balloon', value: { memoryBytes: 2n ** 40n } },
    });
    const message: EventMessage = { kind: 'domain', node: 'n1', context, body: { $case: 'domain', value: event } };
    const cloud = toCloudEvent(message);
    expect(cloud.extensions).toMatchObject({
      sequence: '0000000000000000007',
      requestor: context.requestor,
      requestid: 'r1',
      operation: context.operation,
      traceparent: context.traceparent,
    });
    expect(JSON.parse(Buffer.from(cloud.data).toString())).toMatchObject({
      name: 'nodes/n1/domains/web',
      balloon: { memoryBytes: '1099511627776' },
      context: { number: '7' },
    });
    expect(readBody('domain', decodeCloudEvent(encodeCloudEvent(cloud)))).toEqual(message.body);
  });

  it('are read by kind, gaps apart', () => {
    const node = NodeEvent.fromPartial({ context, kind: 1 });
    expect(readBody('node', toCloudEvent({ kind: 'node', node: 'n1', context, body: { $case: 'node', value: node } }))).toEqual({
      $case: 'node',
      value: node,
    });
    const gap = { first: 1n, last: 6n, reason: 'trimmed' };
    expect(
      readBody(
        'node',
        toCloudEvent({ kind: 'node', node: 'n1', context: { ...context, type: gapType('node') }, body: { $case: 'gap', value: gap } }),
      ),
    ).toEqual({ $case: 'gap', value: gap });
  });

  it('have ids that say their place', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.uuid(), fc.bigInt({ min: 0n, max: 2n ** 62n }), (nodeUid, epoch, number) => {
        expect(parseEventId(formatEventId({ nodeUid, epoch, number }))).toEqual({ nodeUid, epoch, number });
      }),
    );
    for (const bad of ['', 'a/b', 'a/b/c', 'a/b/1/2', '/b/1', 'a/b/-1']) expect(parseEventId(bad)).toBeUndefined();
  });
});

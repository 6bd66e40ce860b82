import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeRecord, encodeRecord, type GuestRecord } from './record.ts';
import { messageBytes, parseMessage } from './state-bus.ts';
import { endingOf } from './ending.ts';

const process_ = fc.record({ pid: fc.integer({ min: 1 }), startTicks: fc.string() });
const records: fc.Arbitrary<GuestRecord> = fc.record({
  monitor: fc.option(process_, { nil: undefined }),
  keepers: fc.array(process_),
  interfaces: fc.array(fc.string()),
  started: fc.boolean(),
});

test('a record is read as it was written, also after a journey as JSON', () => {
  fc.assert(
    fc.property(records, (record) => {
      expect(decodeRecord(JSON.parse(JSON.stringify(encodeRecord(record))))).toEqual(record);
    }),
  );
});

test.each([
  {},
  { version: 2 },
  { version: 1 },
  { version: 1, keepers: [], interfaces: 'x' },
  { version: 1, keepers: [{ pid: '1' }], interfaces: [] },
])('what is no record is refused: %j', (json) => {
  expect(() => decodeRecord(json)).toThrow(expect.objectContaining({ reason: 'RECORD_CORRUPT' }));
});

test("a monitor's messages are read, and others left alone", () => {
  const message = (type: number, value: number, name = 'c1'): Buffer => {
    const bytes = Buffer.alloc(messageBytes);
    bytes.writeInt32LE(type, 0);
    bytes.write(name, 4);
    bytes.writeInt32LE(value, 260);
    return bytes;
  };
  expect(parseMessage(message(0, 2))).toEqual({ t: 'state', name: 'c1', state: 'RUNNING' });
  expect(parseMessage(message(2, 0x0700))).toEqual({ t: 'exit', name: 'c1', end: { code: 7, signal: 0 } });
  expect(parseMessage(message(2, 9, 'x'.repeat(256)))).toEqual({ t: 'exit', name: 'x'.repeat(256), end: { code: 0, signal: 9 } });
  expect(parseMessage(message(0, 99))).toBeUndefined();
  expect(parseMessage(message(1, 2))).toBeUndefined();
});

test.each([
  [{ destroying: true, asked: false, init: { code: 0, signal: 9 } }, 'destroyed'],
  [{ destroying: false, asked: false, init: { code: 0, signal: 0 } }, 'shutdown'],
  [{ destroying: false, asked: false, init: { code: 0, signal: 2 } }, 'shutdown'],
  [{ destroying: false, asked: true, init: { code: 143, signal: 0 } }, 'shutdown'],
  [{ destroying: false, asked: false, init: { code: 1, signal: 0 } }, 'crashed'],
  [{ destroying: false, asked: false, init: { code: 0, signal: 9 } }, 'crashed'],
  [{ destroying: false, asked: false, init: undefined }, 'crashed'],
] as const)('the end of %j is %s', (facts, how) => {
  expect(endingOf(facts).how).toBe(how);
});

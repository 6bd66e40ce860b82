import { Fault } from '@virtmesh/base';
import type { RuntimeRecord } from '@virtmesh/driver-spi';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRecord, encodeRecord, type GuestRecord } from './record.ts';

const identity = fc.record({ pid: fc.nat(), startTicks: fc.nat().map(String) });
const record: fc.Arbitrary<GuestRecord> = fc.record({
  user: fc.option(fc.nat(), { nil: undefined }),
  gid: fc.nat(),
  files: fc.array(
    fc.record({
      path: fc.string(),
      identity: fc.string(),
      write: fc.boolean(),
      shareable: fc.boolean(),
      original: fc.option(fc.record({ uid: fc.nat(), gid: fc.nat(), mode: fc.nat() }), { nil: undefined }),
      device: fc.option(fc.constantFrom('disk0', 'disk1'), { nil: undefined }),
    }),
  ),
  taps: fc.array(fc.string()),
  cgroup: fc.boolean(),
  process: fc.option(identity, { nil: undefined }),
  keepers: fc.array(identity),
  paused: fc.boolean(),
  started: fc.boolean(),
  accelerator: fc.string(),
  ports: fc.array(fc.nat()),
  cid: fc.option(fc.bigInt({ min: 3n, max: 4_294_967_294n }), { nil: undefined }),
  layout: fc.option(
    fc.record({
      rootPorts: fc.nat({ max: 48 }),
      controllers: fc.subarray(['scsi', 'ahci', 'serial'] as const),
      addresses: fc.dictionary(
        fc.constantFrom('disk0', 'net0', 'channel0'),
        fc.constantFrom({ bus: 'port-1', addr: '0x0' }, { bus: 'vserial.0', nr: 3 }),
        { noNullPrototype: true },
      ),
    }),
    { nil: undefined },
  ),
  restored: fc.boolean(),
  leaving: fc.array(fc.constantFrom('disk0', 'net0')),
});

describe('the record of a guest', () => {
  it('comes back as it was from its JSON', () => {
    fc.assert(
      fc.property(record, (given) => {
        expect(decodeRecord(JSON.parse(JSON.stringify(encodeRecord(given))) as RuntimeRecord)).toEqual(given);
      }),
    );
  });

  it('is refused with RECORD_CORRUPT where a part of it is of another kind', () => {
    fc.assert(
      fc.property(
        record,
        fc.constantFrom('version', 'layout', 'gid', 'files', 'taps', 'keepers', 'ports', 'accelerator'),
        (given, part) => {
          const broken = { ...encodeRecord(given), [part]: { odd: true } };
          expect(reasonOf(() => decodeRecord(broken))).toBe('RECORD_CORRUPT');
        },
      ),
    );
  });

  // Written by version 1; later versions must read it.
  it('of version 1 is read', () => {
    const written = {
      version: 1,
      user: 700_001,
      gid: 107,
      files: [{ path: '/images/a.qcow2', identity: '1:2', write: true, shareable: false, original: { uid: 0, gid: 0, mode: 420 } }],
      taps: ['vm0123456789ab'],
      cgroup: true,
      process: { pid: 10, startTicks: '20' },
      keepers: [{ pid: 11, startTicks: '21' }],
      paused: false,
      started: false,
      accelerator: 'tcg',
      ports: [5900],
      cid: '3',
    };
    expect(decodeRecord(written)).toEqual({
      ...written,
      version: undefined,
      files: [{ ...written.files[0], device: undefined }],
      cid: 3n,
      layout: undefined,
      restored: false,
      leaving: [],
    });
  });
});

function reasonOf(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (thrown) {
    return thrown instanceof Fault ? thrown.reason : String(thrown);
  }
}

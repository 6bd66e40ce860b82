import { ChannelKind } from '@virtmesh/contracts/domain/v1/channel';
import { CpuMode } from '@virtmesh/contracts/domain/v1/cpu';
import { DiskBus, DiskDevice } from '@virtmesh/contracts/domain/v1/disk';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { devicesOf } from '@virtmesh/driver-spi';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { goldens } from '../../testing/goldens.ts';
import { guest } from '../../testing/launch.ts';
import { recordedBinary } from '../../testing/recorded.ts';
import { complete } from './complete.ts';

type Partial_ = Parameters<typeof DomainSpec.fromPartial>[0];
const completed = (partial: Partial_): DomainSpec => complete(DomainSpec.fromPartial(partial), guest, recordedBinary);

test('a definition that says nothing but its memory becomes a q35 of this QEMU with the defaults of the contract', () => {
  const spec = completed({ hypervisor: 'qemu', memory: { sizeBytes: 1n << 28n } });
  expect(DomainSpec.toJSON(spec)).toEqual({
    hypervisor: 'qemu',
    arch: 'x86_64',
    machine: 'pc-q35-7.2',
    cpu: { vcpus: 1, maxVcpus: 1, mode: 'CPU_MODE_HOST_PASSTHROUGH', topology: { sockets: 1, dies: 1, cores: 1, threads: 1 } },
    memory: { sizeBytes: '268435456', currentBytes: '268435456', balloon: {} },
    boot: { firmware: 'FIRMWARE_BIOS' },
    clock: { offset: 'CLOCK_OFFSET_UTC', rtcTickPolicy: 'TICK_POLICY_DELAY' },
    lifecycle: { onPoweroff: 'LIFECYCLE_ACTION_DESTROY', onReboot: 'LIFECYCLE_ACTION_RESTART', onCrash: 'LIFECYCLE_ACTION_DESTROY' },
  });
});

test('every device gets what it leaves out', () => {
  const spec = completed({
    machine: 'pc',
    memory: { sizeBytes: 1n << 28n, balloon: { disabled: true } },
    disks: [{}, { device: DiskDevice.CDROM }],
    interfaces: [{ backend: { $case: 'user', value: { forwards: [{ hostPort: 1, guestPort: 2 }] } } }],
    serials: [{}, {}],
    consoles: [{}],
    channels: [{ kind: ChannelKind.GUEST_AGENT }, { kind: ChannelKind.SOCKET }],
    graphics: [{ protocol: { $case: 'vnc', value: {} } }],
    rngs: [{}],
    watchdog: {},
    vsock: {},
  });
  expect(DomainSpec.toJSON(spec)).toMatchObject({
    machine: 'pc-i440fx-7.2',
    memory: { sizeBytes: '268435456', balloon: { disabled: true } },
    disks: [
      {
        id: 'disk0',
        device: 'DISK_DEVICE_DISK',
        bus: 'DISK_BUS_VIRTIO',
        format: 'DISK_FORMAT_RAW',
        cache: 'DISK_CACHE_WRITEBACK',
        io: 'DISK_IO_THREADS',
        errorPolicy: 'DISK_ERROR_POLICY_ENOSPC',
      },
      { id: 'disk1', device: 'DISK_DEVICE_CDROM', bus: 'DISK_BUS_IDE', readOnly: true },
    ],
    interfaces: [
      {
        id: 'net0',
        model: 'INTERFACE_MODEL_VIRTIO',
        macAddress: '52:54:00:5c:50:50',
        user: { forwards: [{ protocol: 'PORT_PROTOCOL_TCP', hostAddress: '127.0.0.1' }] },
      },
    ],
    serials: [{ id: 'serial0' }, { id: 'serial1', port: 1 }],
    consoles: [{ id: 'console0' }],
    channels: [
      { id: 'channel0', targetName: 'org.qemu.guest_agent.0' },
      { id: 'channel1', targetName: 'virtmesh.channel1' },
    ],
    graphics: [{ id: 'vnc0', vnc: { listenAddress: '127.0.0.1' } }],
    videos: [{ id: 'video0', model: 'VIDEO_MODEL_VGA', memoryBytes: '16777216' }],
    rngs: [{ id: 'rng0', periodMs: 1000 }],
    watchdog: { id: 'watchdog0', model: 'WATCHDOG_MODEL_I6300ESB', action: 'WATCHDOG_ACTION_RESET' },
    vsock: { id: 'vsock0' },
  });
  expect(spec.memory?.currentBytes).toBe(0n);
});

test('a CD-ROM is on SATA where the machine has no IDE', () => {
  expect(completed({ disks: [{ device: DiskDevice.CDROM }] }).disks[0]?.bus).toBe(DiskBus.SATA);
});

test('a model without a mode is meant as that model', () => {
  expect(completed({ cpu: { model: 'Nehalem' } }).cpu?.mode).toBe(CpuMode.CUSTOM);
});

test('MAC addresses belong to the domain and the interface, not to the name or the place', () => {
  const two = completed({ interfaces: [{ id: 'a' }, { id: 'b' }] }).interfaces.map(({ macAddress }) => macAddress);
  expect(new Set(two).size).toBe(2);
  expect(completed({ interfaces: [{ id: 'b' }] }).interfaces[0]?.macAddress).toBe(two[1]);
  const other = complete(
    DomainSpec.fromPartial({ interfaces: [{ id: 'a' }] }),
    { ...guest, uid: '00000000-0000-4000-8000-000000000000' },
    recordedBinary,
  );
  expect(other.interfaces[0]?.macAddress).not.toBe(two[0]);
});

test('ports that are given stay, and none is made up beside them', () => {
  expect(completed({ serials: [{ port: 1 }, { port: 0 }] }).serials.map(({ port }) => port)).toEqual([1, 0]);
});

const id = fc.constantFrom('', '', 'disk0', 'net0', 'video0', 'x');
const small = fc.integer({ min: -1, max: 5 });
const device = fc.record({ id, device: small, bus: small, format: small, cache: small, io: small, readOnly: fc.boolean() });
const anySpec = fc.record({
  machine: fc.constantFrom('', 'q35', 'pc', 'pc-q35-7.1', 'nonsense'),
  cpu: fc.option(
    fc.record({
      vcpus: small,
      maxVcpus: small,
      mode: small,
      model: fc.constantFrom('', 'Nehalem'),
      features: fc.array(fc.record({ name: fc.string(), policy: small }), { maxLength: 2 }),
    }),
    { nil: undefined },
  ),
  memory: fc.option(
    fc.record({
      sizeBytes: fc.bigInt(-1n, 1n << 40n),
      currentBytes: fc.bigInt(-1n, 1n << 40n),
      balloon: fc.option(fc.record({ disabled: fc.boolean() }), { nil: undefined }),
    }),
    { nil: undefined },
  ),
  disks: fc.array(device, { maxLength: 4 }),
  interfaces: fc.array(fc.record({ id, macAddress: fc.constantFrom('', 'AA:00:00:00:00:01') }), { maxLength: 4 }),
  serials: fc.array(fc.record({ id, port: small }), { maxLength: 4 }),
  channels: fc.array(fc.record({ id, kind: small }), { maxLength: 3 }),
  graphics: fc.array(fc.record({ id, protocol: fc.constantFrom(undefined, { $case: 'vnc' as const, value: {} }) }), { maxLength: 2 }),
  videos: fc.array(fc.record({ id, model: small }), { maxLength: 2 }),
  watchdog: fc.option(fc.record({ id, model: small }), { nil: undefined }),
}) as fc.Arbitrary<Partial_>;

test('completing twice changes nothing, and the given definition stays as it was', () => {
  fc.assert(
    fc.property(anySpec, (partial) => {
      const given = DomainSpec.fromPartial(partial);
      const once = complete(given, guest, recordedBinary);
      expect(given).toEqual(DomainSpec.fromPartial(partial));
      expect(complete(once, guest, recordedBinary)).toEqual(once);
      expect(devicesOf(once).every((each) => each.device.id !== '')).toBe(true);
    }),
  );
});

test('a completed definition is the same after a journey over the wire', () => {
  for (const { spec } of goldens) {
    const once = complete(spec, guest, recordedBinary);
    expect(complete(DomainSpec.decode(DomainSpec.encode(once).finish()), guest, recordedBinary)).toEqual(once);
  }
});

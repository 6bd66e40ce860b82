import type { Availability } from '@virtmesh/contracts/domain/v1/capabilities';
import { expect, test } from 'vitest';
import type { UefiFirmware } from '../probe/firmware.ts';
import { kvmAndTcg, recordedBinary, recordedKvm, tcgAlone } from '../testing/recorded.ts';
import { domainCapabilities } from './capabilities.ts';
import type { CapabilityFacts } from './facts.ts';

const ovmf: UefiFirmware = { code: '/c', template: '/t', secureBoot: false, targets: [{ arch: 'x86_64', machines: ['pc-q35-*'] }] };
const facts: CapabilityFacts = {
  binary: recordedBinary,
  accelerators: tcgAlone,
  firmwares: [ovmf],
  vsock: false,
};
const any = { arch: '', machine: '' };
const named = (list: readonly Availability[], name: string): Availability | undefined => list.find((each) => each.name === name);

test('the default is the newest q35 under the best accelerator', () => {
  const found = domainCapabilities(facts, any);
  expect(found).toMatchObject({
    hypervisor: 'qemu',
    arch: 'x86_64',
    machine: 'pc-q35-7.2',
    accelerator: 'tcg',
    version: '7.2.22',
    maxVcpus: 288,
    binaryPath: '/usr/bin/qemu-system-x86_64',
  });
  expect(found.machines).toEqual(recordedBinary.machines);
  expect(domainCapabilities({ ...facts, accelerators: kvmAndTcg }, any)).toMatchObject({
    accelerator: 'kvm',
    cpuModels: recordedKvm.cpuModels,
  });
});

test('CPU models are those of the accelerator, with what they lack', () => {
  const haswell = domainCapabilities(facts, any).cpuModels.find(({ name }) => name === 'Haswell-v4');
  expect(haswell).toEqual({ name: 'Haswell-v4', usable: false, blockers: ['pcid', 'x2apic', 'tsc-deadline', 'invpcid', 'spec-ctrl'] });
});

test('what is missing says why, and how to get it', () => {
  const { devices, firmwares } = domainCapabilities(facts, any);
  expect(named(devices, 'disk.bus.virtio')).toEqual({ name: 'disk.bus.virtio', available: true, why: '' });
  expect(named(devices, 'disk.bus.ide')).toMatchObject({ available: false, why: expect.stringContaining('pc') });
  expect(named(devices, 'vsock')).toMatchObject({ available: false, why: expect.stringContaining('vhost_vsock') });
  expect(named(devices, 'accelerator.kvm')).toMatchObject({ available: false, why: 'a guest did not run within 3 s' });
  expect(named(firmwares, 'bios')).toMatchObject({ available: true });
  expect(named(firmwares, 'uefi')).toMatchObject({ available: true });
  expect(named(firmwares, 'uefi.secure-boot')).toMatchObject({ available: false, why: expect.stringContaining('apt install ovmf') });
  expect([...devices, ...firmwares].every(({ available, why }) => available === (why === ''))).toBe(true);
});

test('the host and the machine decide', () => {
  const onPc = domainCapabilities({ ...facts, vsock: true }, { arch: 'x86_64', machine: 'pc' });
  expect(onPc.machine).toBe('pc-i440fx-7.2');
  expect(named(onPc.devices, 'disk.bus.ide')?.available).toBe(true);
  expect(named(onPc.devices, 'vsock')?.available).toBe(true);
  expect(named(onPc.firmwares, 'uefi')?.available).toBe(false);
  const bare = domainCapabilities(
    { ...facts, binary: { ...recordedBinary, devices: new Set(), commands: new Set(), aio: new Set(['threads']) } },
    any,
  );
  expect(bare.devices.filter(({ available }) => available).map(({ name }) => name)).toEqual([
    'disk.io.threads',
    'cpu.mode.host-passthrough',
    'cpu.mode.host-model',
    'cpu.mode.custom',
    'cpu.mode.maximum',
    'accelerator.tcg',
  ]);
});

test.each([
  ['another architecture', { arch: 'aarch64', machine: '' }],
  ['a machine type that is not there', { arch: '', machine: 'pc-q35-99.0' }],
])('%s is refused', (_, query) => {
  expect(() => domainCapabilities(facts, query)).toThrow(expect.objectContaining({ reason: 'HOST_INCOMPATIBLE' }));
});

test('without an accelerator nothing can be had', () => {
  expect(() => domainCapabilities({ ...facts, accelerators: { usable: [], why: { kvm: 'x', tcg: 'y' } } }, any)).toThrow(/kvm: x; tcg: y/);
});

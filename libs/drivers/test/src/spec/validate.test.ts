import { DiskDevice } from '@virtmesh/contracts/domain/v1/disk';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { expect, test } from 'vitest';
import { minimal } from '../testing/subject.ts';
import { complete } from './complete.ts';
import { validate } from './validate.ts';

type Given = Parameters<typeof DomainSpec.fromPartial>[0];

const guest = { uid: '4f5b3c1e-0000-4000-8000-000000000001', id: 'web' };
const arch = 'x86_64';
const broken = (given: Given): string[] =>
  validate(complete(DomainSpec.fromPartial({ ...minimal(), ...given }), guest, arch), arch).map(({ field }) => field);

const file = { source: { $case: 'filePath' as const, value: '/images/a' } };
const backend = { $case: 'user' as const, value: {} };

test.each<[rule: string, given: Given, fields: readonly string[]]>([
  ['the least is enough', {}, []],
  ["the architecture is the node's", { arch: 'aarch64' }, ['arch']],
  ['there is one machine type', { machine: 'q35' }, ['machine']],
  ['vCPUs are at least one', { cpu: { vcpus: -1, maxVcpus: 1 } }, ['cpu.vcpus']],
  ['vCPUs are at most max_vcpus', { cpu: { vcpus: 3, maxVcpus: 2 } }, ['cpu.vcpus']],
  ['vCPUs have an end', { cpu: { vcpus: 1, maxVcpus: 4097 } }, ['cpu.max_vcpus']],
  ['the topology makes max_vcpus', { cpu: { vcpus: 1, maxVcpus: 4, topology: { sockets: 3 } } }, ['cpu.topology']],
  ['there is memory', { memory: { sizeBytes: 0n } }, ['memory.size_bytes']],
  ['memory in use is within it', { memory: { sizeBytes: 1024n, currentBytes: 2048n } }, ['memory.current_bytes']],
  ['paths are absolute', { boot: { kernelPath: 'kernel' } }, ['boot.kernel_path']],
  ['paths do not lead upwards', { boot: { kernelPath: '/images/../etc/shadow' } }, ['boot.kernel_path']],
  ['disks have a source', { disks: [{ device: DiskDevice.DISK }] }, ['disks[0].source']],
  ['CD-ROMs need none', { disks: [{ device: DiskDevice.CDROM }] }, []],
  ['interfaces have a station address', { interfaces: [{ backend, macAddress: '01:00:00:00:00:00' }] }, ['interfaces[0].mac_address']],
  ['interfaces have a backend', { interfaces: [{}] }, ['interfaces[0].user']],
  ['bridges have a name', { interfaces: [{ backend: { $case: 'bridge', value: { bridge: '' } } }] }, ['interfaces[0].bridge.bridge']],
  ['frames have a size that there is', { interfaces: [{ backend, mtuBytes: 67 }] }, ['interfaces[0].mtu_bytes']],
  [
    'addresses have a prefix length',
    { interfaces: [{ backend, guest: { addresses: ['192.0.2.10'] } }] },
    ['interfaces[0].guest.addresses[0]'],
  ],
  ['it boots from what it has', { disks: [{ id: 'disk0', source: file }], boot: { order: ['disk0', 'disk1'] } }, ['boot.order[1]']],
  ['no quantity is below 0', { boot: { menuTimeoutMs: -1 } }, ['boot.menu_timeout_ms']],
  ['adjustments can be below 0', { clock: { adjustmentSeconds: -1n } }, []],
])('%s', (_rule, given, fields) => {
  expect(broken(given)).toEqual(fields);
});

test('of two fields that do not go together, both are named with their values, and what to do', () => {
  const spec = complete(DomainSpec.fromPartial({ ...minimal(), cpu: { vcpus: 3, maxVcpus: 2 } }), guest, arch);
  expect(validate(spec, arch)).toEqual([
    { field: 'cpu.vcpus', description: 'must be at most cpu.max_vcpus, and 3 is more than 2; raise `cpu.max_vcpus` first' },
  ]);
});

import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { ChannelKind } from '@virtmesh/contracts/domain/v1/channel';
import { type Disk, DiskBus } from '@virtmesh/contracts/domain/v1/disk';
import { agentConformance } from '../../conformance/agent-conformance.ts';
import { fileDisk, idleMachine, linuxGuest, mebibyte, type PartialSpec } from '../../support/domain-specs.ts';
import { guestImage } from '../../support/guest-image.ts';
import type { TestSystem } from '../../support/system.ts';

/** A new disk on a file. */
function newDisk({ disks }: TestSystem): Disk {
  const path = `${disks}/${randomUUID()}.qcow2`;
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', path, '64M']);
  return fileDisk(path, 'qcow2');
}

const devicesOf = (system: TestSystem): PartialSpec => ({
  disks: [newDisk(system)],
  interfaces: [{ backend: { $case: 'user', value: {} } }],
  serials: [{}],
  channels: [{ kind: ChannelKind.GUEST_AGENT }],
  videos: [{}],
});

const common = {
  hypervisor: 'qemu',
  agent: {},
  minimal: async () => idleMachine(),
};

agentConformance({
  ...common,
  name: 'the QEMU driver',
  rich: async (system) => idleMachine(devicesOf(system)),
  live: { path: 'memory.current_bytes', spec: { memory: { currentBytes: 16n * mebibyte } } },
  obeysShutdown: false,
  answersAgent: false,
});

agentConformance(
  {
    ...common,
    name: 'the QEMU driver with a Linux guest',
    rich: async (system) => linuxGuest(await guestImage(), '', devicesOf(system)),
    device: async (system) => ({ $case: 'disk', value: { ...newDisk(system), id: 'extra', bus: DiskBus.VIRTIO } }),
    live: { path: 'memory.current_bytes', spec: { memory: { currentBytes: 128n * mebibyte } } },
    obeysShutdown: true,
    answersAgent: true,
  },
  ['guest'],
);

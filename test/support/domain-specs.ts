import { ChannelKind } from '@virtmesh/contracts/domain/v1/channel';
import { Disk, DiskFormat } from '@virtmesh/contracts/domain/v1/disk';
import { Accelerator, DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { GuestImage } from './guest-image.ts';

export type PartialSpec = Parameters<typeof DomainSpec.fromPartial>[0];
export type PartialDisk = Parameters<typeof Disk.fromPartial>[0];

export const mebibyte = 1024n * 1024n;

/** A machine with nothing to boot from: its firmware gives up and idles. It is up in a fraction of a second. */
export function idleMachine(over: PartialSpec = {}): DomainSpec {
  return DomainSpec.fromPartial({ hypervisor: 'qemu', accelerator: Accelerator.TCG, memory: { sizeBytes: 32n * mebibyte }, ...over });
}

/** The small Linux guest with a serial console and the guest agent's channel. `args` are further kernel arguments. */
export function linuxGuest(image: GuestImage, args = '', over: PartialSpec = {}): DomainSpec {
  return DomainSpec.fromPartial({
    hypervisor: 'qemu',
    accelerator: Accelerator.TCG,
    memory: { sizeBytes: 160n * mebibyte },
    boot: { kernelPath: image.kernel, initrdPath: image.initrd, kernelArgs: `console=ttyS0 quiet panic=-1 ${args}`.trim() },
    serials: [{}],
    channels: [{ kind: ChannelKind.GUEST_AGENT }],
    ...over,
  });
}

/** A disk on a file. */
export function fileDisk(path: string, format: 'raw' | 'qcow2' = 'raw', over: PartialDisk = {}): Disk {
  return Disk.fromPartial({
    source: { source: { $case: 'filePath', value: path } },
    format: format === 'raw' ? DiskFormat.RAW : DiskFormat.QCOW2,
    ...over,
  });
}

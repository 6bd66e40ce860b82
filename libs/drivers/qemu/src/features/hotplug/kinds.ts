import { DiskBus } from '@virtmesh/contracts/domain/v1/disk';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { AnyDevice, Verdict } from '@virtmesh/driver-spi';
import { isExpress } from '../../argv/pci.ts';
import { machineFamily } from '../../spec/machine.ts';

export const supported: Verdict = { supported: true };
export const not = (why: string): Verdict => ({ supported: false, why });

/** Whether a machine can take a device, and let it go, while its guest runs. */
export function pluggable(device: AnyDevice, running: DomainSpec): Verdict {
  switch (device.$case) {
    case 'disk':
      return disk(device.value.bus, running);
    case 'interface':
      return machineFamily(running.machine) === 'pc' || isExpress(device.value)
        ? supported
        : not('on q35 only adapters of model VIRTIO and E1000E come and go while the guest runs');
    case 'channel':
      return running.consoles.length + running.channels.length > 0
        ? supported
        : not('the guest was started without a virtio-serial controller, which is there where a console or channel is; start it with one');
    case 'rng':
      return supported;
    case 'console':
      return not('the log of a console must be there when QEMU starts; add it for the next start');
    case 'filesystem':
    case 'hostDevice':
      return not('the driver qemu has no such devices');
    default:
      return device satisfies never;
  }
}

function disk(bus: DiskBus, running: DomainSpec): Verdict {
  switch (bus) {
    case DiskBus.VIRTIO:
      return supported;
    case DiskBus.SCSI:
      return running.disks.some((each) => each.bus === DiskBus.SCSI)
        ? supported
        : not('the guest was started without a SCSI controller, which is there where a disk on SCSI is; use VIRTIO, or start it with one');
    default:
      return not('disks on SATA and IDE come and go with the machine alone; use VIRTIO or SCSI');
  }
}

import { layoutPci } from '../../argv/pci.ts';
import { machineFamily } from '../machine.ts';
import { type Rule, violation } from './rule.ts';

/** A machine has so many slots for devices. */
export const pci: Rule = function* (spec) {
  const family = machineFamily(spec.machine);
  if (!family) return;
  const { hotPluggable, fixed } = layoutPci(spec, family).overflow;
  if (hotPluggable > 0)
    yield violation(
      'disks',
      `virtio disks, interfaces and random number generators are ${hotPluggable} more than machine type ${spec.machine} has slots for; put disks on SCSI`,
    );
  if (fixed > 0)
    yield violation(
      spec.videos.length > 1 ? 'videos' : 'interfaces',
      `more video adapters and older network adapters are ${fixed} more than machine type ${spec.machine} has slots for; leave some out`,
    );
};

import { Fault, type Step } from '@virtmesh/base';
import { Disk, DiskDevice } from '@virtmesh/contracts/domain/v1/disk';
import { Interface } from '@virtmesh/contracts/domain/v1/interface';
import { type AnyDevice, type DeviceOrder, type DevicePlan, findDevice, type Verdict } from '@virtmesh/driver-spi';
import { isDeepStrictEqual } from 'node:util';
import type { DriverContext } from '../../context.ts';
import { linkOrder, type Order, throttleOrder } from '../../lifecycle/start/configure.ts';
import { diskPath } from '../../spec/disk-path.ts';
import { not, supported } from './kinds.ts';
import { mediumSteps } from './medium.ts';

const undoTimeoutMs = 5000;

/** Whether a device can become another one while its guest has it: a disk's limits, a CD-ROM's medium, an interface's cable. */
export function updateVerdict(before: AnyDevice, after: AnyDevice): Verdict {
  if (before.$case === 'disk' && after.$case === 'disk') return diskVerdict(before.value, after.value);
  if (before.$case === 'interface' && after.$case === 'interface') {
    const { linkDown } = before.value;
    return isDeepStrictEqual(Interface.fromPartial({ ...after.value, linkDown }), before.value)
      ? supported
      : not('of an interface only link_down can be changed while the guest has it; detach it and attach another');
  }
  return isDeepStrictEqual(before.value, after.value)
    ? supported
    : not('it cannot be changed while the guest has it; detach it and attach another');
}

function diskVerdict(before: Disk, after: Disk): Verdict {
  const { throttle } = before;
  const cdrom = before.device === DiskDevice.CDROM;
  const medium = cdrom ? { source: before.source, format: before.format } : {};
  if (!isDeepStrictEqual(Disk.fromPartial({ ...after, ...medium, throttle }), before))
    return not(
      cdrom
        ? 'of a CD-ROM only the medium and throttle can be changed while the guest has it'
        : 'of a disk only throttle can be changed while the guest has it; detach it and attach another',
    );
  return diskPath(after) === undefined && !isDeepStrictEqual(after.throttle, throttle)
    ? not('a drive without a medium has no traffic that could be limited; change throttle with a medium, or for the next start')
    : supported;
}

export function updatePlan(context: DriverContext, order: DeviceOrder): DevicePlan {
  const [before, after] = [findDevice(order.from, order.change.device), findDevice(order.to, order.change.device)];
  if (!before || !after) throw new Fault('INTERNAL_BUG', `the definitions do not both have the device ${order.change.device}`);
  const steps = [
    ...(before.$case === 'disk' && after.$case === 'disk' && mediumChanges(before.value, after.value)
      ? mediumSteps(context, order, before.value, after.value)
      : []),
    settingsStep(context, order, settings(before, after), settings(after, before)),
  ];
  return { steps, changed: () => order.to };
}

const mediumChanges = (before: Disk, after: Disk): boolean => diskPath(before) !== diskPath(after) || before.format !== after.format;

/** What brings a device from one definition to the other. */
function settings(before: AnyDevice, after: AnyDevice): readonly Order[] {
  if (before.$case === 'interface' && after.$case === 'interface')
    return before.value.linkDown === after.value.linkDown ? [] : [linkOrder(after.value.id, after.value.linkDown)];
  if (before.$case !== 'disk' || after.$case !== 'disk' || diskPath(after.value) === undefined) return [];
  // Limits hang on the drive and stay with it, whatever medium is in it.
  return isDeepStrictEqual(before.value.throttle, after.value.throttle) ? [] : [throttleOrder(after.value)];
}

function settingsStep(context: DriverContext, { guest, from, to }: DeviceOrder, orders: readonly Order[], inverse: readonly Order[]): Step {
  const give = async (given: readonly Order[], signal: AbortSignal): Promise<void> => {
    for (const { command, args } of given) await context.guests.running(guest).execute(command, args, signal);
  };
  return {
    name: 'settings',
    run: async (signal) => {
      await give(orders, signal);
      context.guests.running(guest).updateSpec(to);
    },
    undo: async () => {
      context.guests.running(guest).updateSpec(from);
      await give(inverse, AbortSignal.timeout(undoTimeoutMs));
    },
  };
}

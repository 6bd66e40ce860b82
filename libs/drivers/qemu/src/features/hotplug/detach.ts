import { Fault } from '@virtmesh/base';
import { type DeviceOrder, type DevicePlan, findDevice } from '@virtmesh/driver-spi';
import type { DriverContext } from '../../context.ts';
import { encodeRecord } from '../../lifecycle/record.ts';
import { layoutOfGuest } from './device-files.ts';
import { letGo } from './let-go.ts';
import { unplug } from './unplug.ts';

/** The detaching of one device. What it had is given back when the guest has let go of it, and not before. */
export function detachPlan(context: DriverContext, order: DeviceOrder): DevicePlan {
  const { change, from, to, guestTimeoutMs } = order;
  const device = findDevice(from, change.device);
  if (!device) throw new Fault('INTERNAL_BUG', `the running definition has no device ${change.device}`);
  return {
    steps: [
      {
        name: 'unplug',
        run: async (signal) => {
          const guest = context.guests.running(order.guest);
          layoutOfGuest(guest);
          await unplug(guest, device.value.id, guestTimeoutMs, signal);
        },
      },
      {
        name: 'release',
        run: async (signal) => {
          const guest = context.guests.running(order.guest);
          guest.updateSpec(to);
          order.save(encodeRecord(await letGo(context, guest, device, signal)));
        },
      },
    ],
    changed: () => to,
  };
}

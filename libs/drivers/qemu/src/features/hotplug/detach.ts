import { Fault, runSteps } from '@virtmesh/base';
import { type DeviceOrder, type DevicePlan, findDevice } from '@virtmesh/driver-spi';
import type { DriverContext } from '../../context.ts';
import type { LiveGuest } from '../../lifecycle/live-guest.ts';
import { encodeRecord, type GuestRecord } from '../../lifecycle/record.ts';
import { DeviceAttach } from './attach.ts';
import { layoutOfGuest } from '../layout-of-guest.ts';
import { letGo } from './let-go.ts';
import { unplug } from './unplug.ts';

/** The detaching of one device. What it had is given back when the guest has let go of it, and not before. */
export function detachPlan(context: DriverContext, order: DeviceOrder): DevicePlan {
  const { change, from, to, guestTimeoutMs } = order;
  const device = findDevice(from, change.device);
  if (!device) throw new Fault('INTERNAL_BUG', `the running definition has no device ${change.device}`);
  const guest = (): LiveGuest => context.guests.running(order.guest);
  const keep = (record: GuestRecord): void => {
    guest().record = record;
    order.save(encodeRecord(record));
  };
  let isLeftToGuest = false;
  return {
    steps: [
      {
        name: 'unplug',
        run: async (signal) => {
          layoutOfGuest(guest(), 'hotplug');
          await unplug(guest(), device.value.id, guestTimeoutMs, signal).catch((thrown: unknown) => {
            const { record } = guest();
            isLeftToGuest = Fault.is(thrown, 'DEVICE_BUSY');
            if (isLeftToGuest) keep({ ...record, leaving: [...new Set([...record.leaving, device.value.id])] });
            throw thrown;
          });
        },
        // One that the guest was left with is let go of when the guest likes, and is not given to it anew then.
        undo: async () => {
          if (!isLeftToGuest) await runSteps(attached(context, order).steps, AbortSignal.timeout(undoTimeoutMs));
        },
      },
      {
        name: 'release',
        run: async (signal) => {
          guest().updateSpec(to);
          order.save(encodeRecord(await letGo(context, guest(), device, signal)));
        },
      },
    ],
    changed: () => to,
  };
}

const undoTimeoutMs = 10_000;

/** The way back: the device is attached as it was. */
const attached = (context: DriverContext, { change, from, to, ...order }: DeviceOrder): DevicePlan =>
  new DeviceAttach(context, { ...order, change: { what: 'attach', device: change.device }, from: to, to: from }).plan();

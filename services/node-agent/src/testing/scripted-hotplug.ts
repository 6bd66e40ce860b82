import { Fault } from '@virtmesh/base';
import { type DeviceOrder, type DevicePlan, findDevice, type Hotplug, withDevice } from '@virtmesh/driver-spi';
import type { At } from './scripted-driver.ts';
import type { ScriptedWorld } from './scripted-world.ts';

/** The steps are `plug` and `settle`. A device whose id begins with `stuck` never leaves, and one with `cold` never comes. */
export function scriptedHotplug(world: ScriptedWorld, at: At): Hotplug {
  return {
    verdict: ({ device }) => (device.startsWith('cold') ? { supported: false, why: 'it is a cold one' } : { supported: true }),
    plan: (order) => planOf(world, at, order),
  };
}

function planOf(world: ScriptedWorld, at: At, order: DeviceOrder): DevicePlan {
  const { change, force, from, guest, guestTimeoutMs, to } = order;
  const { uid } = guest;
  const { device, what } = change;
  const turn = (there: boolean): void => void (there ? world.guest(uid).devices.add(device) : world.guest(uid).devices.delete(device));
  return {
    steps: [
      {
        name: 'plug',
        run: async (signal) => {
          order.save({ uid, spawned: true, [device]: what });
          if (what === 'detach' && device.startsWith('stuck'))
            throw new Fault('DEVICE_BUSY', `the guest kept ${device} for ${guestTimeoutMs} ms`, { device });
          turn(what !== 'detach');
          await at(force ? `force-${what}` : what, uid, signal);
        },
        undo: async () => {
          await at(`undo-${what}`, uid);
          if (what !== 'update') turn(what === 'detach');
        },
      },
      { name: 'settle', run: (signal) => at('settle', uid, signal) },
    ],
    changed: () => {
      const made = findDevice(to, device);
      // Something that only the change chooses.
      if (made?.$case !== 'disk') return made ? withDevice(to, made) : to;
      return withDevice(to, { $case: 'disk', value: { ...made.value, serial: made.value.serial || `chosen-${from.disks.length}` } });
    },
  };
}

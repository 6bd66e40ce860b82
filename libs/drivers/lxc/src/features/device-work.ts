import { Fault } from '@virtmesh/base';
import type { AnyDevice } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { filesystemWork } from './hotplug-filesystem.ts';
import { hostDeviceWork } from './hotplug-host-device.ts';
import { interfaceWork } from './hotplug-interface.ts';
import type { DeviceTarget, DeviceWork } from './device-target.ts';

/** How a device of a running container comes and goes. */
export function deviceWork(context: DriverContext, target: DeviceTarget, device: AnyDevice): DeviceWork {
  switch (device.$case) {
    case 'filesystem':
      return filesystemWork(context, target, device.value);
    case 'interface':
      return interfaceWork(context, target, device.value);
    case 'hostDevice':
      return hostDeviceWork(context, target, device.value);
    case 'console':
    case 'disk':
    case 'channel':
    case 'rng':
      throw new Fault('INTERNAL_BUG', `a ${device.$case} cannot come or go`);
    default:
      return device satisfies never;
  }
}

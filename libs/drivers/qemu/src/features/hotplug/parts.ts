import { Fault } from '@virtmesh/base';
import type { AnyDevice } from '@virtmesh/driver-spi';
import type { DeviceProperties } from '../../argv/arguments.ts';
import { channelDevice } from '../../argv/console.ts';
import { blockNodes, diskDevice } from '../../argv/disk.ts';
import { netdev, networkDevice } from '../../argv/interface.ts';
import type { DeviceAddress } from '../../argv/layout.ts';
import { rngDevice, rngObject } from '../../argv/peripherals.ts';
import { qemuIds } from '../../launch.ts';
import type { LiveGuest } from '../../lifecycle/live-guest.ts';
import { isLimited, linkOrder, type Order, throttleOrder } from '../../lifecycle/start/configure.ts';
import { tapName } from '../../lifecycle/start/network.ts';

/** What a device is made of in a running QEMU. */
export interface Parts {
  /** What stands behind it, in the order in which it is made. */
  readonly backends: readonly Backend[];
  device(address: DeviceAddress): DeviceProperties;
  /** What it is told when it is there. */
  readonly settings: readonly Order[];
}

interface Backend {
  readonly add: Order;
  readonly remove: Order;
}

export function partsOf(guest: LiveGuest, device: AnyDevice): Parts {
  switch (device.$case) {
    case 'disk':
      return {
        backends: diskBackends(device.value),
        device: (address) => diskDevice(device.value, guest.spec, address, undefined),
        settings: device.value.throttle && isLimited(device.value.throttle) ? [throttleOrder(device.value)] : [],
      };
    case 'interface': {
      const { id, backend, linkDown } = device.value;
      const tap = backend?.$case === 'bridge' ? tapName(guest.ref.uid, id) : undefined;
      return {
        backends: [
          {
            add: { command: 'netdev_add', args: netdev(device.value, tap) },
            remove: { command: 'netdev_del', args: { id: qemuIds.netdev(id) } },
          },
        ],
        device: (address) => networkDevice(device.value, address, undefined),
        settings: linkDown ? [linkOrder(id, linkDown)] : [],
      };
    }
    case 'channel':
      return {
        backends: [channelBackend(guest, device.value.id)],
        device: (address) => channelDevice(device.value, address),
        settings: [],
      };
    case 'rng':
      return {
        backends: [
          {
            add: { command: 'object-add', args: rngObject(device.value) },
            remove: { command: 'object-del', args: { id: qemuIds.rng(device.value.id) } },
          },
        ],
        device: (address) => rngDevice(device.value, address),
        settings: [],
      };
    default:
      throw new Fault('INTERNAL_BUG', `a device of kind ${device.$case} is not made while its guest runs`);
  }
}

export const diskBackends = (disk: Parameters<typeof blockNodes>[0]): readonly Backend[] =>
  blockNodes(disk).map((node) => ({
    add: { command: 'blockdev-add', args: node },
    remove: { command: 'blockdev-del', args: { 'node-name': node['node-name'] } },
  }));

const channelBackend = (guest: LiveGuest, id: string): Backend => ({
  add: {
    command: 'chardev-add',
    args: {
      id: qemuIds.chardev(id),
      backend: { type: 'socket', data: { addr: { type: 'unix', data: { path: guest.places.socket(id) } }, server: true, wait: false } },
    },
  },
  remove: { command: 'chardev-remove', args: { id: qemuIds.chardev(id) } },
});

/** Makes what stands behind a device, anew where a part of it is left of an attempt before. */
export async function addBackends(guest: LiveGuest, backends: readonly Backend[], signal: AbortSignal): Promise<void> {
  await removeBackends(guest, backends, signal);
  for (const { add } of backends) await guest.execute(add.command, add.args, signal);
}

/** Takes away what stands behind a device that is gone. What is not there is success. */
export async function removeBackends(guest: LiveGuest, backends: readonly Backend[], signal: AbortSignal): Promise<void> {
  for (const { remove } of backends.toReversed())
    await guest.execute(remove.command, remove.args, signal).catch((thrown: unknown) => {
      if (!isAbsence(thrown) || guest.isGone) throw thrown;
    });
}

/** QEMU has no class for it that all of these commands use. */
const isAbsence = (thrown: unknown): boolean =>
  Fault.is(thrown, 'HYPERVISOR_FAILED') && /not found|Failed to find node/.test(thrown.metadata['desc'] ?? '');

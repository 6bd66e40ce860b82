import { Fault } from '@virtmesh/base';
import type { HostDevice } from '@virtmesh/contracts/domain/v1/host_device';
import type { DriverContext } from '../context.ts';
import { requireInterface } from '../lifecycle/start/network.ts';
import { resolveInRoot } from '../process/rootfs.ts';
import { requireKind } from '../process/sources.ts';
import type { DeviceTarget, DeviceWork } from './device-target.ts';

/** Gives a device of the node to a running container, and takes it back. */
export function hostDeviceWork(context: DriverContext, target: DeviceTarget, { id, source }: HostDevice): DeviceWork {
  const field = `spec.host_devices[${target.to.hostDevices.findIndex((device) => device.id === id)}]`;
  switch (source?.$case) {
    case 'blockPath':
      return nodeWork(context, target, source.value, 'block', `${field}.block_path`);
    case 'characterPath':
      return nodeWork(context, target, source.value, 'character', `${field}.character_path`);
    case 'networkInterface':
      return interfaceWork(context, target, source.value, `${field}.network_interface`);
    case undefined:
      throw new Fault('INTERNAL_BUG', 'a host device without a source was accepted');
    default:
      return source satisfies never;
  }
}

/** By LXC's own tool, which lets the container's group use the device, and makes its node inside. */
function nodeWork(
  { host, guests, profile }: DriverContext,
  { guest }: DeviceTarget,
  path: string,
  kind: 'block' | 'character',
  field: string,
): DeviceWork {
  const lxcDevice = async (verb: 'add' | 'del', signal: AbortSignal): Promise<void> => {
    const { ref, places } = guests.running(guest);
    await host.processes.run(profile.tools.device, ['--name', ref.uid, '--lxcpath', places.lxcPath, '--quiet', '--', verb, path], {
      signal,
    });
  };
  const isThere = async (): Promise<boolean> => {
    const target = await resolveInRoot(host, `/proc/${guests.running(guest).requireInit().pid}/root`, path);
    return target !== undefined && (await host.files.stat(target)) !== undefined;
  };
  return {
    attach: async (signal) => {
      await requireKind(host, path, kind, field);
      if (!(await isThere())) await lxcDevice('add', signal);
    },
    detach: async (signal) => {
      if (await isThere()) await lxcDevice('del', signal);
    },
  };
}

function interfaceWork({ host, guests }: DriverContext, { guest }: DeviceTarget, name: string, field: string): DeviceWork {
  const inside = async (pid: number, signal: AbortSignal): Promise<boolean> =>
    (await host.network.inner(pid, signal)).some((each) => each.name === name);
  return {
    attach: async (signal) => {
      const { pid } = guests.running(guest).requireInit();
      if (!(await inside(pid, signal))) {
        requireInterface(host.network, name, field);
        await host.network.moveTo(name, pid, signal);
      }
      await host.network.setUpInner({ pid, name, addresses: [], gateways: [] }, signal);
    },
    detach: async (signal) => {
      const { pid } = guests.running(guest).requireInit();
      if (await inside(pid, signal)) await host.network.takeBack(name, pid, signal);
    },
  };
}

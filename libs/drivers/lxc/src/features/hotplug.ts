import { Fault, type Step } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { IdMapMode } from '@virtmesh/contracts/domain/v1/container';
import {
  type AnyDevice,
  type DeviceChange,
  type DeviceOrder,
  type DevicePlan,
  findDevice,
  type Hotplug,
  type Verdict,
} from '@virtmesh/driver-spi';
import { isDeepStrictEqual } from 'node:util';
import { vethName } from '../config/network.ts';
import type { DriverContext } from '../context.ts';
import { noteStarted } from '../process/started-spec.ts';
import { deviceWork } from './device-work.ts';

const supported: Verdict = { supported: true };
const not = (why: string): Verdict => ({ supported: false, why });

export const hotplugFeature = (context: DriverContext): Hotplug => ({
  verdict,
  plan: (order) => plan(context, order),
});

/** Whether a change of a device can be made in the running container. Pure. */
export function verdict(change: DeviceChange, from: DomainSpec, to: DomainSpec): Verdict {
  const device = findDevice(change.what === 'detach' ? from : to, change.device);
  if (!device) return not(`the definition has no device ${change.device} that can come and go`);
  if (change.what === 'update') return updateVerdict(findDevice(from, change.device), device);
  switch (device.$case) {
    case 'filesystem':
      return filesystemVerdict(change, device.value.target, from);
    case 'interface':
      return from.container?.namespaces?.network?.source ? not('the container shares the network of another') : supported;
    case 'hostDevice':
      return hostDeviceVerdict(change, device, from);
    case 'console':
      return not("a container's consoles are fixed while it runs; the change waits for the next start");
    case 'disk':
    case 'channel':
    case 'rng':
      return not(`a container has no ${device.$case}`);
    default:
      return device satisfies never;
  }
}

function filesystemVerdict(change: DeviceChange, target: string, from: DomainSpec): Verdict {
  if (target === '/') return not('the root of a container stays as long as it runs');
  if (change.what === 'detach') return supported;
  const { idMap } = from.container ?? {};
  return idMap && idMap.mode !== IdMapMode.OWNED
    ? not('the owners of its files cannot be translated while the container runs; the change waits for the next start')
    : supported;
}

function hostDeviceVerdict(change: DeviceChange, device: AnyDevice & { $case: 'hostDevice' }, from: DomainSpec): Verdict {
  const { source, readOnly } = device.value;
  if (source?.$case === 'networkInterface')
    return from.container?.namespaces?.network?.source ? not('the container shares the network of another') : supported;
  if (from.container?.idMap)
    return not('a container with an id map cannot get device nodes while it runs; the change waits for the next start');
  return change.what === 'attach' && readOnly
    ? not('LXC gives a running container a device to read and write only; the change waits for the next start')
    : supported;
}

/** The cable of an interface can be pulled and put in; all else of a device is fixed. */
function updateVerdict(before: AnyDevice | undefined, after: AnyDevice): Verdict {
  if (isDeepStrictEqual(before, after)) return supported;
  if (
    before?.$case === 'interface' &&
    after.$case === 'interface' &&
    isDeepStrictEqual({ ...before.value, linkDown: false }, { ...after.value, linkDown: false })
  )
    return supported;
  return not('of the devices of a running container only the link of an interface can be changed; the change waits for the next start');
}

function plan(context: DriverContext, order: DeviceOrder): DevicePlan {
  const { change, from, to } = order;
  const device = findDevice(change.what === 'detach' ? from : to, change.device);
  if (!device) throw new Fault('DEVICE_NOT_FOUND', `${order.guest.id} has no device ${change.device}`, { device: change.device });
  return {
    steps: steps(context, order, device),
    changed: () => {
      context.guests.running(order.guest).updateSpec(to);
      return to;
    },
  };
}

function steps(context: DriverContext, order: DeviceOrder, device: AnyDevice): readonly Step[] {
  if (order.change.what === 'update') return [linkStep(context, order, device)];
  const work = deviceWork(context, order, device);
  const run = async (signal: AbortSignal): Promise<void> => {
    const guest = context.guests.running(order.guest);
    // A container that is started anew is brought to what it was before first.
    await guest.whenBooted(signal);
    await noteStarted(context, guest);
    await (order.change.what === 'attach' ? work.attach(signal) : work.detach(signal));
  };
  return order.change.what === 'attach'
    ? [{ name: 'attach', run, undo: () => work.detach(AbortSignal.timeout(undoTimeoutMs)) }]
    : [{ name: 'detach', run }];
}

const undoTimeoutMs = 5000;

function linkStep({ host }: DriverContext, { guest, from }: DeviceOrder, device: AnyDevice): Step {
  const before = findDevice(from, device.value.id);
  const [was, becomes] = [before, device].map((each) => each?.$case === 'interface' && each.value.linkDown);
  const name = vethName(guest.uid, device.value.id);
  return {
    name: 'link',
    run: async (signal) => {
      if (device.$case === 'interface') await host.network.setUp(name, !becomes, signal);
    },
    undo: async () => {
      if (device.$case === 'interface') await host.network.setUp(name, !was, AbortSignal.timeout(undoTimeoutMs));
    },
  };
}

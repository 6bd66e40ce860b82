import { Fault } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { type DeviceChange, type DeviceOrder, type DevicePlan, findDevice, type Hotplug, type Verdict } from '@virtmesh/driver-spi';
import type { DriverContext } from '../../context.ts';
import { DeviceAttach } from './attach.ts';
import { detachPlan } from './detach.ts';
import { not, pluggable } from './kinds.ts';
import { updatePlan, updateVerdict } from './update.ts';

export const hotplugFeature = (context: DriverContext): Hotplug => ({ verdict, plan: (order) => plan(context, order) });

export function verdict(change: DeviceChange, from: DomainSpec, to: DomainSpec): Verdict {
  const [before, after] = [findDevice(from, change.device), findDevice(to, change.device)];
  const concerned = change.what === 'detach' ? before : after;
  if (!concerned) return not(`there is no device ${change.device} that can come and go`);
  if (change.what === 'update')
    return before?.$case === concerned.$case ? updateVerdict(before, concerned) : not(`${change.device} is a device of another kind`);
  return pluggable(concerned, from);
}

function plan(context: DriverContext, order: DeviceOrder): DevicePlan {
  switch (order.change.what) {
    case 'attach':
      return new DeviceAttach(context, order).plan();
    case 'detach':
      return detachPlan(context, order);
    case 'update':
      return updatePlan(context, order);
    default:
      throw new Fault('INTERNAL_BUG', 'a change of a device is to attach, detach or update it');
  }
}

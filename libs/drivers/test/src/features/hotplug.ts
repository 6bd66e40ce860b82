import { isDeepStrictEqual } from 'node:util';
import { Fault } from '@virtmesh/base';
import { DiskDevice } from '@virtmesh/contracts/domain/v1/disk';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import {
  type AnyDevice,
  type DeviceChange,
  type DeviceOrder,
  type DevicePlan,
  findDevice,
  type Hotplug,
  type Verdict,
} from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { callGuest } from '../lifecycle/call-guest.ts';
import { profileOf } from '../spec/profile.ts';

const undoTimeoutMs = 10_000;

export const hotplugFeature = (context: DriverContext): Hotplug => ({ verdict, plan: (order) => plan(context, order) });

/** All kinds of device come and go; of one that stays, what is no part of its identity can change. */
function verdict({ device, what }: DeviceChange, from: DomainSpec, to: DomainSpec): Verdict {
  if (what !== 'update') return { supported: true };
  const [before, after] = [findDevice(from, device), findDevice(to, device)];
  if (before && after && isDeepStrictEqual(fixedOf(before), fixedOf(after))) return { supported: true };
  return { supported: false, why: `what the guest knows ${device} by cannot change while it runs; detach it and attach it anew` };
}

/** What of a device cannot change while the guest has it. */
function fixedOf({ $case, value }: AnyDevice): unknown {
  switch ($case) {
    case 'disk':
      return {
        $case,
        ...value,
        throttle: undefined,
        ...(value.device === DiskDevice.CDROM ? { source: undefined, format: undefined } : {}),
      };
    case 'interface':
      return { $case, ...value, backend: undefined, linkDown: undefined };
    case 'channel':
    case 'rng':
    case 'filesystem':
    case 'hostDevice':
    case 'console':
      return { $case, ...value };
    default:
      return $case satisfies never;
  }
}

function plan(context: DriverContext, order: DeviceOrder): DevicePlan {
  const { change, force, from, guest, guestTimeoutMs, to } = order;
  const { device } = change;
  const attach = (spec: DomainSpec, signal: AbortSignal): Promise<unknown> =>
    callGuest(context, guest, 'plug', { device, profile: profileOf(spec) }, signal);
  const detach = (spec: DomainSpec, timeoutMs: number, signal: AbortSignal): Promise<unknown> =>
    callGuest(context, guest, 'unplug', { device, profile: profileOf(spec), timeoutMs }, signal);
  const changed = (): DomainSpec => to;
  switch (change.what) {
    case 'attach':
      return {
        changed,
        steps: [
          {
            name: 'attach',
            run: async (signal) => void (await attach(to, signal)),
            undo: async () => void (await detach(from, undoTimeoutMs, AbortSignal.timeout(undoTimeoutMs))),
          },
        ],
      };
    case 'detach':
      return { changed, steps: [{ name: 'detach', run: async (signal) => void (await detach(to, guestTimeoutMs, signal)) }] };
    case 'update':
      return {
        changed,
        steps: [
          {
            name: 'update',
            run: async (signal) => void (await callGuest(context, guest, 'change', { device, profile: profileOf(to), force }, signal)),
            undo: async () =>
              void (await callGuest(
                context,
                guest,
                'change',
                { device, profile: profileOf(from), force: true },
                AbortSignal.timeout(undoTimeoutMs),
              )),
          },
        ],
      };
    default:
      throw new Fault('INTERNAL_BUG', `no such change: ${JSON.stringify(change.what satisfies never)}`);
  }
}

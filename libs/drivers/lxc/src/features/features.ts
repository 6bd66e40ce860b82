import type { Features } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { consoleFeature } from './console.ts';
import { execFeature } from './exec.ts';
import { addressesFeature, guestInfoFeature } from './guest-info.ts';
import { hotplugFeature } from './hotplug.ts';
import { liveUpdateFeature } from './live-update.ts';
import { rebootFeature, suspendFeature } from './run-state.ts';
import { statsFeature } from './stats.ts';

/** The features that this host has what is needed for. */
export const availableFeatures = (context: DriverContext): Partial<Features> => ({
  suspend: suspendFeature(context),
  reboot: rebootFeature(context),
  stats: statsFeature(context),
  ...(context.profile.logKeeper === undefined ? {} : { console: consoleFeature(context) }),
  liveUpdate: liveUpdateFeature(context),
  hotplug: hotplugFeature(context),
  addresses: addressesFeature(context),
  guestInfo: guestInfoFeature(context),
  exec: execFeature(context),
});

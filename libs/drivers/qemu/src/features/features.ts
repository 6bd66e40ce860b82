import type { Features } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { consoleFeature } from './console.ts';
import { liveUpdateFeature } from './live-update.ts';
import { rebootFeature } from './reboot.ts';
import { statsFeature } from './stats.ts';
import { suspendFeature } from './suspend.ts';

/** The features that this host has what is needed for. */
export const availableFeatures = (context: DriverContext): Partial<Features> => ({
  suspend: suspendFeature(context),
  reboot: rebootFeature(context),
  stats: statsFeature(context),
  ...(context.logKeeper ? { console: consoleFeature(context) } : {}),
  ...(context.binary.commands.has('set-action') ? { liveUpdate: liveUpdateFeature(context) } : {}),
});

import type { Features } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { execFeature } from './exec.ts';
import { rebootFeature, suspendFeature } from './run-state.ts';

/** The features that this host has what is needed for. */
export const availableFeatures = (context: DriverContext): Partial<Features> => ({
  suspend: suspendFeature(context),
  reboot: rebootFeature(context),
  exec: execFeature(context),
});

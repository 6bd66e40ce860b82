import { Fault } from '@virtmesh/base';
import type { FeatureName } from '@virtmesh/driver-spi';
import type { Layout } from '../argv/layout.ts';
import type { LiveGuest } from '../lifecycle/live-guest.ts';

/** Where the devices of a guest sit. FEATURE_UNSUPPORTED, for the feature that needs it, where an older version of the driver started the guest. */
export function layoutOfGuest({ record, ref }: LiveGuest, feature: FeatureName): Layout {
  if (record.layout) return record.layout;
  const why = 'it was started by an older version of the agent, which did not note where its devices sit';
  throw new Fault('FEATURE_UNSUPPORTED', `${feature} cannot be used with ${ref.id}: ${why}; start it anew`, {
    driver: 'qemu',
    feature,
    why,
  });
}

import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { FeatureName, Features, Verdict } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { canBeAsked, consolesOf } from '../spec/profile.ts';
import { addressesFeature } from './addresses.ts';
import { consoleFeature } from './console.ts';
import { displaysOf, screenshotFeature, sendKeysFeature } from './display.ts';
import { dumpFeature } from './dump.ts';
import { execFeature } from './exec.ts';
import { freezeFeature, guestInfoFeature } from './guest-agent.ts';
import { hotplugFeature } from './hotplug.ts';
import { liveUpdateFeature } from './live-update.ts';
import { powerFeatures } from './power.ts';
import { resizeDiskFeature } from './resize-disk.ts';
import { savedStateFeature } from './saved-state.ts';
import { statsFeature } from './stats.ts';

/** All that a driver can have. */
export const allFeatures = (context: DriverContext): Features => ({
  ...powerFeatures(context),
  stats: statsFeature(context),
  console: consoleFeature(context),
  liveUpdate: liveUpdateFeature(context),
  hotplug: hotplugFeature(context),
  resizeDisk: resizeDiskFeature(context),
  savedState: savedStateFeature(context),
  dump: dumpFeature(context),
  screenshot: screenshotFeature(context),
  sendKeys: sendKeysFeature(context),
  addresses: addressesFeature(context),
  guestInfo: guestInfoFeature(context),
  freeze: freezeFeature(context),
  exec: execFeature(context),
});

const supported: Verdict = { supported: true };
const not = (why: string): Verdict => ({ supported: false, why });

/** What a definition lacks for a feature; none lacks anything on the host. */
export function explain(spec: DomainSpec | undefined, feature: FeatureName): Verdict {
  if (!spec) return supported;
  switch (feature) {
    case 'console':
      return consolesOf(spec).length > 0 ? supported : not('the definition has no serial port and no console; add one');
    case 'screenshot':
      return displaysOf(spec).length > 0 ? supported : not('the definition has no video device; add one');
    case 'guestInfo':
    case 'freeze':
    case 'exec':
      return canBeAsked(spec) ? supported : not('the definition has no channel for a guest agent, and is no container; add one');
    case 'suspend':
    case 'reboot':
    case 'stats':
    case 'liveUpdate':
    case 'hotplug':
    case 'resizeDisk':
    case 'savedState':
    case 'dump':
    case 'sendKeys':
    case 'addresses':
      return supported;
    default:
      return feature satisfies never;
  }
}

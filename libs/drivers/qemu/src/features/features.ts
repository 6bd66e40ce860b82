import type { Features } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { consoleFeature } from './console.ts';
import { screenshotFeature } from './display/screenshot.ts';
import { sendKeysFeature } from './display/send-keys.ts';
import { dumpFeature } from './dump.ts';
import { addressesFeature } from './guest/addresses.ts';
import { execFeature } from './guest/exec.ts';
import { freezeFeature } from './guest/freeze.ts';
import { guestInfoFeature } from './guest/guest-info.ts';
import { hotplugFeature } from './hotplug/hotplug.ts';
import { liveUpdateFeature } from './live-update.ts';
import { rebootFeature } from './reboot.ts';
import { resizeDiskFeature } from './resize-disk.ts';
import { savedStateFeature } from './saved-state/saved-state.ts';
import { statsFeature } from './stats.ts';
import { suspendFeature } from './suspend.ts';

/** The features that this host has what is needed for. */
export function availableFeatures(context: DriverContext): Partial<Features> {
  const has = (...commands: readonly string[]): boolean => commands.every((command) => context.binary.commands.has(command));
  return {
    suspend: suspendFeature(context),
    reboot: rebootFeature(context),
    stats: statsFeature(context),
    ...(context.logKeeper ? { console: consoleFeature(context) } : {}),
    ...(has('set-action') ? { liveUpdate: liveUpdateFeature(context) } : {}),
    ...(has('device_add', 'blockdev-insert-medium') ? { hotplug: hotplugFeature(context) } : {}),
    ...(has('block_resize') ? { resizeDisk: resizeDiskFeature(context) } : {}),
    ...(has('migrate-incoming') ? { savedState: savedStateFeature(context) } : {}),
    ...(has('dump-guest-memory') ? { dump: dumpFeature(context) } : {}),
    ...(has('screendump') ? { screenshot: screenshotFeature(context) } : {}),
    ...(has('send-key') ? { sendKeys: sendKeysFeature(context) } : {}),
    addresses: addressesFeature(context),
    guestInfo: guestInfoFeature(context),
    freeze: freezeFeature(context),
    exec: execFeature(context),
  };
}

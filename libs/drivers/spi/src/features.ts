import type { Consoles } from './features/console.ts';
import type { Screenshot, SendKeys } from './features/display.ts';
import type { Dump } from './features/dump.ts';
import type { Exec } from './features/exec.ts';
import type { Addresses, Freeze, GuestInfo } from './features/guest-info.ts';
import type { Hotplug } from './features/hotplug.ts';
import type { LiveUpdate } from './features/live-update.ts';
import type { Reboot } from './features/reboot.ts';
import type { ResizeDisk } from './features/resize-disk.ts';
import type { SavedState } from './features/saved-state.ts';
import type { Stats } from './features/stats.ts';
import type { Suspend } from './features/suspend.ts';

/** What a driver may be able to do beyond the required core. Present means supported on this host. */
export interface Features {
  readonly suspend: Suspend;
  readonly reboot: Reboot;
  readonly stats: Stats;
  readonly console: Consoles;
  readonly liveUpdate: LiveUpdate;
  readonly hotplug: Hotplug;
  readonly resizeDisk: ResizeDisk;
  readonly savedState: SavedState;
  readonly dump: Dump;
  readonly screenshot: Screenshot;
  readonly sendKeys: SendKeys;
  readonly addresses: Addresses;
  readonly guestInfo: GuestInfo;
  readonly freeze: Freeze;
  readonly exec: Exec;
}
/** What a feature is called, in capabilities too. */
export type FeatureName = keyof Features;

const all: Record<FeatureName, true> = {
  suspend: true,
  reboot: true,
  stats: true,
  console: true,
  liveUpdate: true,
  hotplug: true,
  resizeDisk: true,
  savedState: true,
  dump: true,
  screenshot: true,
  sendKeys: true,
  addresses: true,
  guestInfo: true,
  freeze: true,
  exec: true,
};

/** Every feature by name, for computed capabilities. The type check fails when one is forgotten. */
export const featureNames = Object.keys(all) as readonly FeatureName[];
